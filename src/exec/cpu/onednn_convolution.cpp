// Convolutions and their gradients, piece by piece. The weight is brought into oneDNN's format
// first, and weight gradients of the pieces are added up last. Images that do not lie as oneDNN
// likes them are brought into the format that it likes best, piece by piece; so is the band of
// channels of a result.

#include <algorithm>
#include <deque>
#include <map>

#include "exec/cpu/onednn_conv_parts.h"

namespace rockmate::cpu {
namespace {

using namespace onednn;

constexpr std::int64_t kFloat = 4;  // bytes

void append(Sequence::Stage& stage, Sequence::Stage more) {
  for (auto& strand : more) stage.push_back(std::move(strand));
}

class Writer {
 public:
  Writer(const Convolution& conv, const Scheme& scheme) : conv_(conv), scheme_(scheme) {}

  std::optional<Prepared> write() &&;

 private:
  [[nodiscard]] const PiecePrimitive* primitive_for(const Piece& piece);
  // Where the operand lies as the user has it: so many images, rows and channels.
  dnnl::memory given(const Operand& operand, const Range& images, const Range& rows,
                     const Range& channels);
  dnnl::memory given_y(const Operand& y, const Piece& piece);
  // The weight of the piece's channels, or its gradient, as it lies.
  Desc weight_desc(const Piece& piece) const;
  [[nodiscard]] Bytes weight_offset(const Piece& piece) const;
  void begin_with_line();
  // The weight of the piece's channels, in that format.
  const dnnl::memory& bring_weight(const Piece& piece, const Desc& wanted);
  // The same in `sequence`, which has the scale.
  Sequence::Stage reorder_weight(Sequence& sequence, const Piece& piece, const dnnl::memory& to,
                                 const std::optional<dnnl::memory>& scale);
  [[nodiscard]] std::vector<PackedOperand> packed() &&;
  // All pieces of x, one after another. Nothing where there is no primitive.
  [[nodiscard]] std::optional<Sequence::Strand> strand_of(const Piece& piece);
  Sequence::Call convolve(const Piece& piece, const PiecePrimitive& primitive,
                          const dnnl::memory& x, const dnnl::memory& y);
  Sequence::Call forward(const Piece& piece, const PiecePrimitive& primitive, const dnnl::memory& x,
                         const dnnl::memory& y);
  void add_weight_gradients();
  void add_bias(const dnnl::memory& result, Sequence::Strand& strand);

  const Convolution& conv_;
  Scheme scheme_;
  Sequence sequence_;
  std::vector<std::pair<Piece, PiecePrimitive>> primitives_;
  Sequence::Stage weights_, convolutions_;
  struct Weight {
    Piece piece;  // of whose channels it is
    dnnl::memory memory;
  };
  std::deque<Weight> brought_;
  std::optional<dnnl::memory> scale_, shift_;  // of the epilogue
  // Of a weight that is given packed: what packs it, band by band.
  Sequence packer_;
  Sequence::Stage packed_weights_;
  std::optional<dnnl::memory> packer_scale_;
  Bytes packed_bytes_;
  bool packing_helps_ = false;
  std::map<std::int64_t, std::vector<Weight>> gradients_;  // by first channel of x
};

const PiecePrimitive* Writer::primitive_for(const Piece& piece) {
  Desc weight = any_desc(weight_shape(conv_, piece));
  for (const auto& [like, primitive] : primitives_) {
    if (piece.is_like(like)) return &primitive;
    if (weight_shape(conv_, piece) == weight_shape(conv_, like)) weight = primitive.weight;
  }
  auto made = make_primitive(conv_, piece, scheme_, weight);
  if (!made) return nullptr;
  return &primitives_.emplace_back(piece, *std::move(made)).second;
}

dnnl::memory Writer::given(const Operand& operand, const Range& images, const Range& rows,
                           const Range& channels) {
  Shape shape = operand.type->shape;
  const MemoryFormat format = format_of(*operand.type);
  std::int64_t first = element_count(shape) / shape[0] * images.first;  // element
  shape[0] = images.count;
  Desc lies = desc(shape, format);
  const bool is_whole = rows.count == shape[2] && channels.count == shape[1];
  if (!is_whole) {  // channels last, and a single image if rows are cut
    const std::int64_t row = shape[3] * shape[1];
    first += rows.first * row + channels.first;
    const Dims strides = {(shape[0] > 1 ? shape[2] : rows.count) * row, 1, row, shape[1]};
    lies = {
        {shape[0], channels.count, rows.count, shape[3]}, dnnl::memory::data_type::f32, strides};
  }
  return operand.is_output ? sequence_.output(operand.index, lies, Bytes(first * kFloat))
                           : sequence_.input(operand.index, lies, Bytes(first * kFloat));
}

dnnl::memory Writer::given_y(const Operand& y, const Piece& piece) {
  return given(y, piece.images, piece.y_rows, piece.channels);
}

Desc Writer::weight_desc(const Piece& piece) const {
  const Desc whole = desc(conv_.weight_shape, MemoryFormat::kRowMajor);
  const auto& strides = whole.data.format_desc.blocking.strides;
  return {weight_shape(conv_, piece), dnnl::memory::data_type::f32,
          Dims(strides, strides + conv_.weight_shape.size())};
}

Bytes Writer::weight_offset(const Piece& piece) const {
  const Desc whole = desc(conv_.weight_shape, MemoryFormat::kRowMajor);
  const auto& strides = whole.data.format_desc.blocking.strides;
  return Bytes((piece.channels.first * strides[0] + piece.x_channels.first * strides[1]) * kFloat);
}

void Writer::begin_with_line() {
  const std::int64_t channels = conv_.y.type->shape[1];
  const Desc numbers = desc({channels}, MemoryFormat::kRowMajor);
  shift_ = sequence_.scratch(numbers);
  const bool scales = conv_.epilogue.has_scale();
  if (scales && is_packed(*conv_.weight.type)) {
    packer_scale_ = packer_.scratch(numbers);
    packer_.begin_with(
        [epilogue = conv_.epilogue, scale = *packer_scale_, channels](const Run& run) {
          epilogue.write_scale(run, channels, static_cast<float*>(scale.get_data_handle()));
        });
  } else if (scales) {
    scale_ = sequence_.scratch(numbers);
  }
  sequence_.begin_with([epilogue = conv_.epilogue, bias = conv_.bias, scale = scale_,
                        shift = *shift_, channels](const Run& run) {
    epilogue.write_line(run, bias ? run.in<float>(*bias) : nullptr, channels,
                        scale ? static_cast<float*>(scale->get_data_handle()) : nullptr,
                        static_cast<float*>(shift.get_data_handle()));
  });
}

Sequence::Stage Writer::reorder_weight(Sequence& sequence, const Piece& piece,
                                       const dnnl::memory& to,
                                       const std::optional<dnnl::memory>& scale) {
  const dnnl::memory given =
      sequence.input(conv_.weight.index, weight_desc(piece), weight_offset(piece));
  std::optional<dnnl::memory> factors;
  if (scale) {
    factors = sequence.seen_as(*scale, desc({piece.channels.count}, MemoryFormat::kRowMajor),
                               Bytes(piece.channels.first * kFloat));
  }
  return sequence.reorder_weights(given, to, factors, conv_.has_groups());
}

const dnnl::memory& Writer::bring_weight(const Piece& piece, const Desc& wanted) {
  for (const Weight& each : brought_) {
    if (each.piece.channels == piece.channels && each.piece.x_channels == piece.x_channels) {
      return each.memory;
    }
  }
  const Desc lies = weight_desc(piece);
  if (is_packed(*conv_.weight.type)) {
    brought_.push_back({piece, sequence_.input(conv_.weight.index, wanted, packed_bytes_)});
    const dnnl::memory to = packer_.output(0, wanted, packed_bytes_);
    packed_bytes_ += aligned(Bytes(static_cast<std::int64_t>(wanted.get_size())));
    append(packed_weights_, reorder_weight(packer_, piece, to, packer_scale_));
    packing_helps_ |= wanted != lies || packer_scale_.has_value();
  } else if (wanted == lies && !scale_) {
    brought_.push_back({piece, sequence_.input(conv_.weight.index, lies, weight_offset(piece))});
  } else {
    brought_.push_back({piece, sequence_.scratch(wanted)});
    append(weights_, reorder_weight(sequence_, piece, brought_.back().memory, scale_));
  }
  return brought_.back().memory;
}

std::vector<PackedOperand> Writer::packed() && {
  if (!packing_helps_) return {};
  Packing packing{conv_.weight.index, {conv_.weight.index}, packed_bytes_};
  for (const std::size_t i : conv_.epilogue.scale_operands()) packing.reads.push_back(i);
  packer_.then(std::move(packed_weights_));
  Prepared packs = std::move(packer_).prepared();
  std::vector<PackedOperand> operands;
  operands.push_back({std::move(packing), std::move(packs.body), packs.workspace});
  return operands;
}

Sequence::Call Writer::forward(const Piece& piece, const PiecePrimitive& primitive,
                               const dnnl::memory& x, const dnnl::memory& y) {
  std::unordered_map<int, dnnl::memory> arguments = {
      {DNNL_ARG_SRC, x},
      {DNNL_ARG_WEIGHTS, bring_weight(piece, primitive.weight)},
      {DNNL_ARG_DST, y}};
  if (!piece.finishes) return primitive.call(sequence_, std::move(arguments));
  const Desc numbers = desc({piece.channels.count}, MemoryFormat::kRowMajor);
  const Bytes offset(piece.channels.first * kFloat);
  if (shift_) {
    arguments[DNNL_ARG_BIAS] = sequence_.seen_as(*shift_, numbers, offset);
  } else if (conv_.bias) {
    arguments[DNNL_ARG_BIAS] = sequence_.input(*conv_.bias, numbers, offset);
  }
  return primitive.call(sequence_, std::move(arguments));
}

void Writer::add_bias(const dnnl::memory& result, Sequence::Strand& strand) {
  Shape shape(result.get_desc().dims().size(), 1);
  shape[1] = conv_.x.type->shape[1];
  const dnnl::memory bias = sequence_.input(*conv_.bias, desc(shape, MemoryFormat::kRowMajor));
  const dnnl::binary::desc add(dnnl::algorithm::binary_add, result.get_desc(), bias.get_desc(),
                               result.get_desc());
  const dnnl::binary::primitive_desc made(add, attributes(), engine());
  strand.push_back(
      sequence_.call(made, dnnl::binary(made),
                     {{DNNL_ARG_SRC_0, result}, {DNNL_ARG_SRC_1, bias}, {DNNL_ARG_DST, result}}));
}

Sequence::Call Writer::convolve(const Piece& piece, const PiecePrimitive& primitive,
                                const dnnl::memory& x, const dnnl::memory& y) {
  if (conv_.direction == Direction::kForward) return forward(piece, primitive, x, y);
  if (conv_.direction == Direction::kData) {
    return primitive.call(sequence_, {{DNNL_ARG_DIFF_SRC, x},
                                      {DNNL_ARG_WEIGHTS, bring_weight(piece, primitive.weight)},
                                      {DNNL_ARG_DIFF_DST, y}});
  }
  const dnnl::memory gradient = sequence_.scratch(primitive.weight);
  gradients_[piece.x_channels.first].push_back({piece, gradient});
  return primitive.call(
      sequence_, {{DNNL_ARG_SRC, x}, {DNNL_ARG_DIFF_WEIGHTS, gradient}, {DNNL_ARG_DIFF_DST, y}});
}

std::optional<Sequence::Strand> Writer::strand_of(const Piece& cut) {
  Sequence::Strand strand;
  const auto bring = [&](const Operand& operand, const dnnl::memory& lies, const Desc& wanted) {
    if (lies.get_desc() == wanted) return lies;
    const dnnl::memory better = sequence_.scratch(wanted);
    if (!operand.is_output) strand.push_back(sequence_.reorder(lies, better));
    return better;
  };
  const bool sums = conv_.direction == Direction::kForward;
  const dnnl::memory given_result = given_y(conv_.y, cut);
  std::optional<dnnl::memory> y;
  for (const ImagePiece& source : conv_.x_pieces) {
    Piece piece = cut;
    if (conv_.is_pieced()) piece.x_channels = source.channels;
    piece.adds = sums && y;
    piece.finishes = !sums || source.channels == conv_.x_pieces.back().channels;
    const PiecePrimitive* const primitive = primitive_for(piece);
    if (primitive == nullptr) return std::nullopt;
    const Operand& image = source.operand;
    const dnnl::memory given_image =
        given(image, cut.images, cut.x_rows, {0, image.type->shape[1]});
    const dnnl::memory x = bring(image, given_image, primitive->x);
    if (!y) {
      y = bring(conv_.y, given_result, primitive->y);
      const auto& addend = conv_.epilogue.addend();
      if (addend) strand.push_back(sequence_.copy(given_y(*addend, cut), *y));
    }
    if (y->get_desc() != primitive->y) return std::nullopt;
    strand.push_back(convolve(piece, *primitive, x, *y));
    if (conv_.direction == Direction::kData && conv_.bias) add_bias(x, strand);
    if (image.is_output && x.get() != given_image.get()) {
      strand.push_back(sequence_.reorder(x, given_image));
    }
  }
  if (conv_.y.is_output && y->get() != given_result.get()) {
    strand.push_back(sequence_.reorder(*y, given_result));
  }
  return strand;
}

// Partial sums are added up.
void Writer::add_weight_gradients() {
  Sequence::Stage sums, stores;
  for (const auto& [first, gradients] : gradients_) {
    std::vector<dnnl::memory> partial;
    for (const Weight& each : gradients) partial.push_back(each.memory);
    if (partial.size() > 1) append(sums, sequence_.sum(partial));
    const Piece& piece = gradients.front().piece;
    const dnnl::memory to = sequence_.output(0, weight_desc(piece), weight_offset(piece));
    append(stores,
           sequence_.reorder_weights(partial.front(), to, std::nullopt, conv_.has_groups()));
  }
  if (!sums.empty()) sequence_.then(std::move(sums));
  sequence_.then(std::move(stores));
}

std::optional<Prepared> Writer::write() && {
  if (conv_.epilogue.has_shift()) begin_with_line();
  const std::vector<Piece> pieces = pieces_of(conv_, scheme_);
  primitives_.reserve(pieces.size() * conv_.x_pieces.size());
  for (const Piece& piece : pieces) {
    auto strand = strand_of(piece);
    if (!strand) return std::nullopt;
    convolutions_.push_back(*std::move(strand));
  }
  if (!weights_.empty()) sequence_.then(std::move(weights_));
  sequence_.then(std::move(convolutions_));
  if (conv_.direction == Direction::kWeights) add_weight_gradients();
  Prepared prepared = std::move(sequence_).prepared();
  prepared.packed = std::move(*this).packed();
  return prepared;
}

std::optional<Prepared> write(const Convolution& conv) {
  for (const Images formats : {Images::kAsTheyLie, Images::kAny}) {
    if (auto prepared = Writer(conv, find_scheme(conv, formats)).write()) return prepared;
  }
  return std::nullopt;
}

std::optional<Prepared> make_convolution(const KernelView& kernel, int) {
  if (!has_plain_tensors(kernel)) return std::nullopt;
  const OneThread one_thread;
  Convolution conv(kernel);
  if (conv.rounds) {
    if (auto prepared = write(conv)) return prepared;
    conv.rounds = false;
  }
  return write(conv);
}

// What oneDNN does behind a convolution costs less than a pass over its result.
std::optional<Prepared> make_fused_convolution(const KernelView& kernel, int) {
  const auto conv = fused_convolution(kernel);
  if (!conv) return std::nullopt;
  const OneThread one_thread;
  return Writer(*conv, find_scheme(*conv, Images::kAsTheyLie)).write();
}

}  // namespace

void add_onednn_convolutions(Makers& makers) {
  using enum OpKind;
  add(makers, {kConv, kConvTranspose, kConvWeightGradient}, make_convolution);
  add(makers, {kFused}, make_fused_convolution);
}

}  // namespace rockmate::cpu
