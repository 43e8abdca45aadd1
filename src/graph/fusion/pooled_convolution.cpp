#include "graph/fusion/pooled_convolution.h"

#include <algorithm>
#include <limits>

namespace rockmate {
namespace {

// Whether the part reads one slot, this one.
bool reads_only(const FusedPart& part, std::size_t slot) {
  return part.inputs == std::vector{slot};
}

bool pads_nothing(const FusedPart& part) {
  return std::ranges::all_of(part.attributes.integers("pads"),
                             [](std::int64_t pad) { return pad == 0; });
}

bool is_mean_of_pixels(const FusedPart& part, const Shape& image) {
  if (part.kind == OpKind::kReduceMean) {
    return part.attributes.integers("axes") == std::vector<std::int64_t>{2, 3};
  }
  if (part.kind != OpKind::kAveragePool) return false;
  return part.attributes.integers("kernel") == Shape{image[2], image[3]} && pads_nothing(part) &&
         element_count(part.outputs.front().shape) == image[0] * image[1];
}

// Each pixel from all channels of the same one. Without pads, as many rows and columns come out as
// go in only if no stride skips any.
bool maps_pixels(const FusedPart& conv, const Shape& x, const Shape& weight) {
  const Shape& y = conv.outputs.front().shape;
  return x.size() == 4 && weight[1] == x[1] && weight[2] == 1 && weight[3] == 1 &&
         pads_nothing(conv) && y[2] == x[2] && y[3] == x[3];
}

}  // namespace

std::optional<PooledConvolution> pooled_convolution(const FusedParts& parts,
                                                    const std::vector<const TensorType*>& inputs) {
  if (parts.parts.size() != 3) return std::nullopt;
  const FusedPart& conv = parts.parts[0];
  const FusedPart& clamp = parts.parts[1];
  const FusedPart& mean = parts.parts[2];
  const bool clips = clamp.kind == OpKind::kClip;
  if (conv.kind != OpKind::kConv || (!clips && clamp.kind != OpKind::kRelu)) return std::nullopt;
  const std::size_t convolved = parts.inputs;
  const std::size_t clamped = convolved + conv.outputs.size();
  const std::size_t pooled = clamped + clamp.outputs.size();
  if (!reads_only(clamp, convolved) || !reads_only(mean, clamped) ||
      parts.outputs != std::vector{pooled}) {
    return std::nullopt;
  }
  if (!maps_pixels(conv, inputs[conv.inputs[0]]->shape, inputs[conv.inputs[1]]->shape) ||
      !is_mean_of_pixels(mean, conv.outputs.front().shape)) {
    return std::nullopt;
  }
  PooledConvolution found{conv.inputs[0], conv.inputs[1], std::nullopt, 0,
                          std::numeric_limits<double>::infinity()};
  if (conv.inputs.size() > 2) found.bias = conv.inputs[2];
  if (clips) {
    found.low = clamp.attributes.real("low");
    found.high = clamp.attributes.real("high");
  }
  return found;
}

}  // namespace rockmate
