// Convolutions and their gradients. The parts are those of the batch; the weight is brought into
// oneDNN's format first, and weight gradients of the parts are added up last. Images that do not
// lie channels last are brought into the format that oneDNN likes best, part by part.

#include "exec/cpu/onednn.h"

namespace rockmate::cpu {
namespace {

using namespace onednn;
using dnnl::algorithm;

enum class Direction { kForward, kData, kWeights };

// An operand of the kernel.
struct Operand {
  const TensorType* type;
  std::size_t index;
  bool is_output;
};

// A convolution that maps the image x to y, and which of x, y and the weight is wanted.
struct Convolution {
  explicit Convolution(const KernelView& kernel);

  Direction direction;
  Operand x, y, weight;
  std::optional<std::size_t> bias;  // of the result
  Shape weight_shape;               // with an axis for groups, if there are any
  Dims strides, dilations, before, after;
};

Convolution::Convolution(const KernelView& kernel) {
  const Operand first{&kernel.inputs[0], 0, false};
  const Operand second{&kernel.inputs[1], 1, false};
  const Operand result{&kernel.outputs[0], 0, true};
  switch (kernel.kind) {
    case OpKind::kConv:
      direction = Direction::kForward;
      x = first, weight = second, y = result;
      break;
    case OpKind::kConvTranspose:
      direction = Direction::kData;
      y = first, weight = second, x = result;
      break;
    default:
      direction = Direction::kWeights;
      x = first, y = second, weight = result;
  }
  if (kernel.inputs.size() > 2) bias = 2;
  weight_shape = weight.type->shape;
  if (const std::int64_t groups = kernel.attributes.integer("groups", 1); groups > 1) {
    weight_shape.front() /= groups;
    weight_shape.insert(weight_shape.begin(), groups);
  }
  strides = kernel.attributes.integers("strides");
  dilations = kernel.attributes.integers("dilations");
  for (std::int64_t& each : dilations) --each;
  const auto& pads = kernel.attributes.integers("pads");
  const auto middle = pads.begin() + static_cast<std::ptrdiff_t>(strides.size());
  before.assign(pads.begin(), middle);
  after.assign(middle, pads.end());
}

// A primitive for some images of the batch, with the formats that it wants.
struct PartPrimitive {
  Sequence::Call call(Sequence& sequence, std::unordered_map<int, dnnl::memory> arguments) const {
    return sequence.call(*desc, primitive, std::move(arguments));
  }
  std::shared_ptr<dnnl::primitive_desc_base> desc;
  dnnl::primitive primitive;
  Desc x, y, weight;
};

template <class Primitive>
PartPrimitive part_primitive(const typename Primitive::primitive_desc& desc) {
  return {std::make_shared<typename Primitive::primitive_desc>(desc), Primitive(desc), {}, {}, {}};
}

// How images are given to oneDNN: as they lie, or as it likes.
enum class Images { kAsTheyLie, kAny };

Desc image_desc(const TensorType& type, std::int64_t images, Images formats) {
  Shape shape = type.shape;
  shape[0] = images;
  const bool lies_well = type.format == MemoryFormat::kChannelsLast;
  return formats == Images::kAsTheyLie && lies_well ? desc(shape, type.format) : any_desc(shape);
}

// Nothing where oneDNN has no good one. `weight` is the format to keep to.
std::optional<PartPrimitive> make_part(const Convolution& conv, std::int64_t images, Images formats,
                                       const Desc& weight) {
  const Desc x = image_desc(*conv.x.type, images, formats);
  const Desc y = image_desc(*conv.y.type, images, formats);
  const auto direct = algorithm::convolution_direct;
  try {
    using Forward = dnnl::convolution_forward;
    const bool has_bias = conv.direction == Direction::kForward && conv.bias.has_value();
    const Desc bias = has_bias ? desc({conv.y.type->shape[1]}, MemoryFormat::kRowMajor) : Desc();
    const Forward::desc forward(dnnl::prop_kind::forward_training, direct, x, weight, bias, y,
                                conv.strides, conv.dilations, conv.before, conv.after);
    const Forward::primitive_desc hint(forward, attributes(), engine());
    if (conv.direction == Direction::kForward) {
      if (is_poor(hint)) return std::nullopt;
      auto part = part_primitive<Forward>(hint);
      part.x = hint.src_desc(), part.y = hint.dst_desc(), part.weight = hint.weights_desc();
      return part;
    }
    if (conv.direction == Direction::kData) {
      using Data = dnnl::convolution_backward_data;
      const Data::desc data(direct, x, weight, y, conv.strides, conv.dilations, conv.before,
                            conv.after);
      const Data::primitive_desc made(data, attributes(), engine(), hint);
      if (is_poor(made)) return std::nullopt;
      auto part = part_primitive<Data>(made);
      part.x = made.diff_src_desc(), part.y = made.diff_dst_desc();
      part.weight = made.weights_desc();
      return part;
    }
    using Weights = dnnl::convolution_backward_weights;
    const Weights::desc weights(direct, x, weight, y, conv.strides, conv.dilations, conv.before,
                                conv.after);
    const Weights::primitive_desc made(weights, attributes(), engine(), hint);
    if (is_poor(made)) return std::nullopt;
    auto part = part_primitive<Weights>(made);
    part.x = made.src_desc(), part.y = made.diff_dst_desc();
    part.weight = made.diff_weights_desc();
    return part;
  } catch (const dnnl::error&) {  // there is none
    return std::nullopt;
  }
}

// More parts take more memory for their weight gradients.
std::int64_t count_parts(const Convolution& conv) {
  constexpr std::int64_t kWeightGradients = 16 << 20;  // bytes
  std::int64_t parts = std::min(kMostParts, conv.x.type->shape[0]);
  if (conv.direction == Direction::kWeights) {
    const std::int64_t fit = kWeightGradients / conv.weight.type->bytes().count();
    parts = std::min(parts, std::max<std::int64_t>(2, fit));
  }
  return parts;
}

class Writer {
 public:
  Writer(const Convolution& conv, Images formats) : conv_(conv), formats_(formats) {}

  std::optional<Prepared> write() &&;

 private:
  [[nodiscard]] const PartPrimitive* part_for(std::int64_t images);
  // Where the operand lies as the user has it, from that image on.
  dnnl::memory given(const Operand& operand, std::int64_t first, std::int64_t images);
  dnnl::memory weight_memory(const Desc& wanted);
  void add_part(std::int64_t first, std::int64_t images, const PartPrimitive& part);
  void add_bias(const dnnl::memory& result, Sequence::Strand& strand);

  const Convolution& conv_;
  Images formats_;
  Sequence sequence_;
  std::unordered_map<std::int64_t, PartPrimitive> parts_;  // by number of images
  Sequence::Stage convolutions_;
  dnnl::memory weight_;                  // for all parts
  std::vector<dnnl::memory> gradients_;  // of the weight, by part
};

const PartPrimitive* Writer::part_for(std::int64_t images) {
  if (const auto found = parts_.find(images); found != parts_.end()) return &found->second;
  const Desc weight = parts_.empty() ? any_desc(conv_.weight_shape) : parts_.begin()->second.weight;
  auto part = make_part(conv_, images, formats_, weight);
  if (!part) return nullptr;
  return &parts_.emplace(images, *std::move(part)).first->second;
}

dnnl::memory Writer::given(const Operand& operand, std::int64_t first, std::int64_t images) {
  Shape shape = operand.type->shape;
  const Bytes offset(operand.type->bytes().count() / shape[0] * first);
  shape[0] = images;
  const Desc lies = desc(shape, operand.type->format);
  return operand.is_output ? sequence_.output(operand.index, lies, offset)
                           : sequence_.input(operand.index, lies, offset);
}

void Writer::add_bias(const dnnl::memory& result, Sequence::Strand& strand) {
  Shape shape(result.get_desc().dims().size(), 1);
  shape[1] = conv_.x.type->shape[1];
  const dnnl::memory bias = sequence_.input(*conv_.bias, desc(shape, MemoryFormat::kRowMajor));
  const dnnl::binary::desc add(algorithm::binary_add, result.get_desc(), bias.get_desc(),
                               result.get_desc());
  const dnnl::binary::primitive_desc made(add, attributes(), engine());
  strand.push_back(
      sequence_.call(made, dnnl::binary(made),
                     {{DNNL_ARG_SRC_0, result}, {DNNL_ARG_SRC_1, bias}, {DNNL_ARG_DST, result}}));
}

void Writer::add_part(std::int64_t first, std::int64_t images, const PartPrimitive& part) {
  Sequence::Strand strand;
  const auto is_result = [&](const Operand& operand) { return operand.is_output; };
  const auto bring = [&](const Operand& operand, const Desc& wanted) {
    const dnnl::memory lies = given(operand, first, images);
    if (lies.get_desc() == wanted) return lies;
    const dnnl::memory better = sequence_.scratch(wanted);
    if (!is_result(operand)) strand.push_back(sequence_.reorder(lies, better));
    return better;
  };
  const dnnl::memory x = bring(conv_.x, part.x);
  const dnnl::memory y = bring(conv_.y, part.y);
  if (conv_.direction == Direction::kForward) {
    std::unordered_map<int, dnnl::memory> arguments = {
        {DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, weight_}, {DNNL_ARG_DST, y}};
    if (conv_.bias) {
      arguments[DNNL_ARG_BIAS] =
          sequence_.input(*conv_.bias, desc({conv_.y.type->shape[1]}, MemoryFormat::kRowMajor));
    }
    strand.push_back(part.call(sequence_, std::move(arguments)));
  } else if (conv_.direction == Direction::kData) {
    strand.push_back(part.call(
        sequence_, {{DNNL_ARG_DIFF_SRC, x}, {DNNL_ARG_WEIGHTS, weight_}, {DNNL_ARG_DIFF_DST, y}}));
    if (conv_.bias) add_bias(x, strand);
  } else {
    gradients_.push_back(sequence_.scratch(part.weight));
    strand.push_back(part.call(
        sequence_,
        {{DNNL_ARG_SRC, x}, {DNNL_ARG_DIFF_WEIGHTS, gradients_.back()}, {DNNL_ARG_DIFF_DST, y}}));
  }
  for (const auto& [operand, made] : {std::pair{conv_.x, x}, std::pair{conv_.y, y}}) {
    if (!is_result(operand)) continue;
    const dnnl::memory wanted = given(operand, first, images);
    if (wanted.get_desc() != made.get_desc()) strand.push_back(sequence_.reorder(made, wanted));
  }
  convolutions_.push_back(std::move(strand));
}

std::optional<Prepared> Writer::write() && {
  const std::int64_t batch = conv_.x.type->shape[0];
  const std::int64_t count = count_parts(conv_);
  const PartPrimitive* const model = part_for((batch + count - 1) / count);
  if (model == nullptr) return std::nullopt;
  const Desc lies = desc(conv_.weight_shape, MemoryFormat::kRowMajor);
  if (conv_.direction != Direction::kWeights) {
    weight_ = sequence_.input(conv_.weight.index, lies);
    if (model->weight != lies) {
      const dnnl::memory given = std::exchange(weight_, sequence_.scratch(model->weight));
      sequence_.then(sequence_.sliced_reorder({given}, weight_));
    }
  }
  for (std::int64_t p = 0; p < count; ++p) {
    const std::int64_t first = batch * p / count;
    const std::int64_t images = batch * (p + 1) / count - first;
    const PartPrimitive* const part = part_for(images);
    if (part == nullptr) return std::nullopt;
    add_part(first, images, *part);
  }
  sequence_.then(std::move(convolutions_));
  if (conv_.direction == Direction::kWeights) {
    sequence_.then(sequence_.sliced_reorder(gradients_, sequence_.output(0, lies)));
  }
  return std::move(sequence_).prepared();
}

bool is_empty(const KernelView& kernel) {
  for (const auto* types : {&kernel.inputs, &kernel.outputs}) {
    for (const TensorType& type : *types) {
      if (type.dtype != DType::kFloat32 || element_count(type.shape) == 0) return true;
    }
  }
  return false;
}

std::optional<Prepared> make_convolution(const KernelView& kernel, int) {
  if (is_empty(kernel)) return std::nullopt;
  const OneThread one_thread;
  const Convolution conv(kernel);
  for (const Images formats : {Images::kAsTheyLie, Images::kAny}) {
    if (auto prepared = Writer(conv, formats).write()) return prepared;
  }
  return std::nullopt;
}

}  // namespace

void add_onednn_convolutions(Makers& makers) {
  using enum OpKind;
  add(makers, {kConv, kConvTranspose, kConvWeightGradient}, make_convolution);
}

}  // namespace rockmate::cpu
