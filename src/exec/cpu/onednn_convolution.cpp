// Convolutions and their gradients, piece by piece. The weight is brought into oneDNN's format
// first, and weight gradients of the pieces are added up last. Images that do not lie as oneDNN
// likes them are brought into the format that it likes best, piece by piece; so is the band of
// channels of a result.

#include <algorithm>

#include "exec/cpu/onednn_conv_parts.h"

namespace rockmate::cpu {
namespace {

using namespace onednn;

constexpr std::int64_t kFloat = 4;  // bytes

class Writer {
 public:
  Writer(const Convolution& conv, const Scheme& scheme) : conv_(conv), scheme_(scheme) {}

  std::optional<Prepared> write() &&;

 private:
  [[nodiscard]] const PiecePrimitive* primitive_for(const Piece& piece);
  // Where the operand lies as the user has it: so many images, rows and channels.
  dnnl::memory given(const Operand& operand, const Range& images, const Range& rows,
                     const Range& channels);
  dnnl::memory given_x(const Piece& piece);
  dnnl::memory given_y(const Operand& y, const Piece& piece);
  void begin_with_line();
  // Brings the weight of the piece's channels into that format.
  void bring_weight(const Piece& piece, const Desc& wanted);
  // The same in `sequence`, which has the scale.
  Sequence::Stage reorder_weight(Sequence& sequence, const Piece& piece, const dnnl::memory& to,
                                 const std::optional<dnnl::memory>& scale);
  [[nodiscard]] std::vector<PackedOperand> packed() &&;
  void add_piece(const Piece& piece, const PiecePrimitive& primitive);
  Sequence::Call forward(const Piece& piece, const PiecePrimitive& primitive, const dnnl::memory& x,
                         const dnnl::memory& y);
  void add_bias(const dnnl::memory& result, Sequence::Strand& strand);

  const Convolution& conv_;
  Scheme scheme_;
  Sequence sequence_;
  std::vector<std::pair<Piece, PiecePrimitive>> primitives_;
  Sequence::Stage weights_, convolutions_;
  std::optional<dnnl::memory> scale_, shift_;  // of the epilogue
  // Of a weight that is given packed: what packs it, band by band.
  Sequence packer_;
  Sequence::Stage packed_weights_;
  std::optional<dnnl::memory> packer_scale_;
  Bytes packed_bytes_;
  bool packing_helps_ = false;
  std::optional<Range> channels_;  // that weight_ is of
  dnnl::memory weight_;
  std::vector<dnnl::memory> gradients_;  // of the weight, by piece
};

const PiecePrimitive* Writer::primitive_for(const Piece& piece) {
  Desc weight = any_desc(weight_shape(conv_, piece));
  for (const auto& [like, primitive] : primitives_) {
    if (piece.is_like(like)) return &primitive;
    if (piece.channels.count == like.channels.count) weight = primitive.weight;
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

dnnl::memory Writer::given_x(const Piece& piece) {
  return given(conv_.x, piece.images, piece.x_rows, {0, conv_.x.type->shape[1]});
}

dnnl::memory Writer::given_y(const Operand& y, const Piece& piece) {
  return given(y, piece.images, piece.y_rows, piece.channels);
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
  const Bytes each(element_count(conv_.weight.type->shape) / conv_.y.type->shape[1] * kFloat);
  const dnnl::memory given =
      sequence.input(conv_.weight.index, desc(weight_shape(conv_, piece), MemoryFormat::kRowMajor),
                     Bytes(piece.channels.first * each.count()));
  std::optional<dnnl::memory> factors;
  if (scale) {
    factors = sequence.seen_as(*scale, desc({piece.channels.count}, MemoryFormat::kRowMajor),
                               Bytes(piece.channels.first * kFloat));
  }
  return sequence.reorder_weights(given, to, factors, conv_.has_groups());
}

void Writer::bring_weight(const Piece& piece, const Desc& wanted) {
  if (conv_.direction == Direction::kWeights || channels_ == piece.channels) return;
  channels_ = piece.channels;
  const Desc lies = desc(weight_shape(conv_, piece), MemoryFormat::kRowMajor);
  const auto append = [](Sequence::Stage& stage, Sequence::Stage more) {
    for (auto& strand : more) stage.push_back(std::move(strand));
  };
  if (is_packed(*conv_.weight.type)) {
    weight_ = sequence_.input(conv_.weight.index, wanted, packed_bytes_);
    const dnnl::memory to = packer_.output(0, wanted, packed_bytes_);
    packed_bytes_ += aligned(Bytes(static_cast<std::int64_t>(wanted.get_size())));
    append(packed_weights_, reorder_weight(packer_, piece, to, packer_scale_));
    packing_helps_ |= wanted != lies || packer_scale_.has_value();
  } else if (wanted == lies && !scale_) {
    const std::int64_t each = conv_.weight.type->bytes().count() / conv_.y.type->shape[1];
    weight_ = sequence_.input(conv_.weight.index, lies, Bytes(piece.channels.first * each));
  } else {
    weight_ = sequence_.scratch(wanted);
    append(weights_, reorder_weight(sequence_, piece, weight_, scale_));
  }
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
      {DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, weight_}, {DNNL_ARG_DST, y}};
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

void Writer::add_piece(const Piece& piece, const PiecePrimitive& primitive) {
  Sequence::Strand strand;
  const auto bring = [&](const Operand& operand, const dnnl::memory& lies, const Desc& wanted) {
    if (lies.get_desc() == wanted) return lies;
    const dnnl::memory better = sequence_.scratch(wanted);
    if (!operand.is_output) strand.push_back(sequence_.reorder(lies, better));
    return better;
  };
  const dnnl::memory given_image = given_x(piece);
  const dnnl::memory given_result = given_y(conv_.y, piece);
  const dnnl::memory x = bring(conv_.x, given_image, primitive.x);
  const dnnl::memory y = bring(conv_.y, given_result, primitive.y);
  if (conv_.direction == Direction::kForward) {
    if (const auto& addend = conv_.epilogue.addend()) {
      strand.push_back(sequence_.copy(given_y(*addend, piece), y));
    }
    strand.push_back(forward(piece, primitive, x, y));
  } else if (conv_.direction == Direction::kData) {
    strand.push_back(primitive.call(
        sequence_, {{DNNL_ARG_DIFF_SRC, x}, {DNNL_ARG_WEIGHTS, weight_}, {DNNL_ARG_DIFF_DST, y}}));
    if (conv_.bias) add_bias(x, strand);
  } else {
    gradients_.push_back(sequence_.scratch(primitive.weight));
    strand.push_back(primitive.call(
        sequence_,
        {{DNNL_ARG_SRC, x}, {DNNL_ARG_DIFF_WEIGHTS, gradients_.back()}, {DNNL_ARG_DIFF_DST, y}}));
  }
  if (conv_.x.is_output && x.get() != given_image.get()) {
    strand.push_back(sequence_.reorder(x, given_image));
  }
  if (conv_.y.is_output && y.get() != given_result.get()) {
    strand.push_back(sequence_.reorder(y, given_result));
  }
  convolutions_.push_back(std::move(strand));
}

std::optional<Prepared> Writer::write() && {
  if (conv_.epilogue.has_shift()) begin_with_line();
  const std::vector<Piece> pieces = pieces_of(conv_, scheme_);
  primitives_.reserve(pieces.size());
  for (const Piece& piece : pieces) {
    const PiecePrimitive* const primitive = primitive_for(piece);
    if (primitive == nullptr) return std::nullopt;
    bring_weight(piece, primitive->weight);
    add_piece(piece, *primitive);
  }
  if (!weights_.empty()) sequence_.then(std::move(weights_));
  sequence_.then(std::move(convolutions_));
  if (conv_.direction == Direction::kWeights) {
    if (gradients_.size() > 1) sequence_.then(sequence_.sum(gradients_));
    const Desc lies = desc(conv_.weight_shape, MemoryFormat::kRowMajor);
    sequence_.then(sequence_.reorder_weights(gradients_.front(), sequence_.output(0, lies),
                                             std::nullopt, conv_.has_groups()));
  }
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
