#include "exec/vector/fused.h"

#include <algorithm>

#include "exec/vector/chains.h"
#include "graph/fusion/clamped_norm.h"
#include "graph/fusion/pooled_convolution.h"

namespace rockmate::vector {
namespace {

// A part as a kernel of its own.
class PartView {
 public:
  PartView(const KernelView& whole, const FusedPart& part)
      : kernel_{part.kind, part.attributes, {}, {}, {}, std::nullopt},
        spec_{whole.op, kernel_, slots_of(whole, part), part.outputs},
        view_(spec_) {}
  PartView(const PartView&) = delete;
  PartView& operator=(const PartView&) = delete;
  [[nodiscard]] const KernelView& operator*() const { return view_; }

 private:
  static std::vector<TensorType> slots_of(const KernelView& whole, const FusedPart& part) {
    std::vector<TensorType> types = whole.inputs;
    for (const FusedPart& made : whole.attributes.parts().parts) {
      types.insert(types.end(), made.outputs.begin(), made.outputs.end());
    }
    std::vector<TensorType> read;
    for (const std::size_t slot : part.inputs) read.push_back(types[slot]);
    return read;
  }
  Kernel kernel_;
  KernelSpec spec_;
  KernelView view_;
};

std::optional<Clamp> clamp_of(const FusedPart& part) {
  if (part.kind == OpKind::kRelu) return Clamp{ve::Epilogue::kRelu};
  if (part.kind != OpKind::kClip) return std::nullopt;
  return Clamp{ve::Epilogue::kClip, part.attributes.real("low"), part.attributes.real("high")};
}

// Whether part `second` reads what part `first` makes, and nothing else.
bool follows(const FusedParts& parts, std::size_t second, std::size_t slot) {
  const auto& in = parts.parts[second].inputs;
  return in.size() == 1 && in[0] == slot;
}

WeightedPlaces places_of(const FusedPart& layer) {
  WeightedPlaces places{layer.inputs[0], layer.inputs[1]};
  if (layer.inputs.size() > 2) places.bias = layer.inputs[2];
  return places;
}

// Convolution or linear layer, clamp. A mask that goes with it is not made here.
std::optional<Prepared> make_clamped_layer(const KernelView& kernel) {
  const FusedParts& parts = kernel.attributes.parts();
  if (parts.parts.size() != 2) return std::nullopt;
  const FusedPart& layer = parts.parts[0];
  const bool convolves = layer.kind == OpKind::kConv || layer.kind == OpKind::kConvTranspose;
  const auto clamp = clamp_of(parts.parts[1]);
  const std::size_t result = parts.inputs + layer.outputs.size();
  if ((!convolves && layer.kind != OpKind::kLinear) || !clamp || !follows(parts, 1, parts.inputs) ||
      parts.outputs != std::vector{result}) {
    return std::nullopt;
  }
  const PartView view(kernel, layer);
  return (convolves ? convolution : linear)(*view, places_of(layer), *clamp);
}

// 1x1 convolution, clamp, the mean over all pixels.
std::optional<Prepared> make_pooled_conv(const KernelView& kernel) {
  const FusedParts& parts = kernel.attributes.parts();
  std::vector<const TensorType*> inputs;
  for (const TensorType& type : kernel.inputs) inputs.push_back(&type);
  const auto pooled = pooled_convolution(parts, inputs);
  if (!pooled) return std::nullopt;
  const Shape& x = kernel.shape(pooled->x);
  const TensorType& y = parts.parts.front().outputs.front();
  ve::ConvPoolArguments a = {};
  a.wide = is_wide(kernel, y.dtype);
  a.batch = x[0];
  a.in = x[1];
  a.out = y.shape[1];
  a.pixels = x[2] * x[3];
  a.low = pooled->low;
  a.high = pooled->high;
  constexpr long kRegisters = 8;
  const long tasks = a.batch * ceil_div(a.out, kRegisters * (a.wide ? 1 : 2));
  return Prepared{[a, pooled = *pooled, tasks](const Call& call) mutable {
    a.x = call.in(pooled.x);
    a.weight = call.in(pooled.weight);
    a.bias = pooled.bias ? call.in(*pooled.bias) : nullptr;
    a.y = call.out();
    ROCKMATE_LAUNCH(call, ve_conv_pool, a, tasks);
  }};
}

std::optional<Prepared> make_clamped_norm(const KernelView& kernel) {
  const auto found = clamped_norm(kernel.attributes.parts());
  if (!found) return std::nullopt;
  return make_clamped_norm_gradient(*PartView(kernel, *found->norm), *found);
}

}  // namespace

std::optional<Prepared> make_fused(const KernelView& kernel) {
  for (const auto maker : {make_clamped_layer, make_pooled_conv, make_clamped_norm, make_chain}) {
    if (auto prepared = maker(kernel)) return prepared;
  }
  return std::nullopt;
}

}  // namespace rockmate::vector
