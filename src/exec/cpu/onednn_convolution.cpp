// Convolutions and their gradients. The parts are those of the batch; the weight is brought into
// oneDNN's format first, and weight gradients of the parts are added up last. Images that do not
// lie as oneDNN likes them are brought into the format that it likes best, part by part.

#include "exec/cpu/onednn_conv_parts.h"

namespace rockmate::cpu {
namespace {

using namespace onednn;
using dnnl::algorithm;

class Writer {
 public:
  Writer(const Convolution& conv, const Scheme& scheme) : conv_(conv), scheme_(scheme) {}

  std::optional<Prepared> write() &&;

 private:
  [[nodiscard]] const PartPrimitive* part_for(std::int64_t images);
  // Where the operand lies as the user has it, from that image on.
  dnnl::memory given(const Operand& operand, std::int64_t first, std::int64_t images);
  dnnl::memory weight_memory(const Desc& wanted);
  void add_part(std::int64_t first, std::int64_t images, const PartPrimitive& part);
  void add_bias(const dnnl::memory& result, Sequence::Strand& strand);

  const Convolution& conv_;
  Scheme scheme_;
  Sequence sequence_;
  std::unordered_map<std::int64_t, PartPrimitive> parts_;  // by number of images
  Sequence::Stage convolutions_;
  dnnl::memory weight_;                  // for all parts
  std::vector<dnnl::memory> gradients_;  // of the weight, by part
};

const PartPrimitive* Writer::part_for(std::int64_t images) {
  if (const auto found = parts_.find(images); found != parts_.end()) return &found->second;
  const Desc weight = parts_.empty() ? any_desc(conv_.weight_shape) : parts_.begin()->second.weight;
  auto part = make_part(conv_, images, scheme_, weight);
  if (!part) return nullptr;
  return &parts_.emplace(images, *std::move(part)).first->second;
}

dnnl::memory Writer::given(const Operand& operand, std::int64_t first, std::int64_t images) {
  Shape shape = operand.type->shape;
  const Bytes offset(operand.type->bytes().count() / shape[0] * first);
  shape[0] = images;
  const Desc lies = desc(shape, format_of(*operand.type));
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
  const std::int64_t count = scheme_.parts;
  const PartPrimitive* const model = part_for((batch + count - 1) / count);
  if (model == nullptr) return std::nullopt;
  const Desc lies = desc(conv_.weight_shape, MemoryFormat::kRowMajor);
  if (conv_.direction != Direction::kWeights) {
    weight_ = sequence_.input(conv_.weight.index, lies);
    if (model->weight != lies) {
      const dnnl::memory given = std::exchange(weight_, sequence_.scratch(model->weight));
      sequence_.then(sequence_.sliced_reorder(given, weight_));
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
    if (gradients_.size() > 1) sequence_.then(sequence_.sum(gradients_));
    sequence_.then(sequence_.sliced_reorder(gradients_.front(), sequence_.output(0, lies)));
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
  if (const auto winograd = winograd_scheme(conv)) {
    if (auto prepared = Writer(conv, *winograd).write()) return prepared;
  }
  for (const Images formats : {Images::kAsTheyLie, Images::kAny}) {
    if (auto prepared = Writer(conv, direct_scheme(conv, formats)).write()) return prepared;
  }
  return std::nullopt;
}

}  // namespace

void add_onednn_convolutions(Makers& makers) {
  using enum OpKind;
  add(makers, {kConv, kConvTranspose, kConvWeightGradient}, make_convolution);
}

}  // namespace rockmate::cpu
