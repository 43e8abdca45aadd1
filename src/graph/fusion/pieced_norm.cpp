#include "graph/fusion/pieced_norm.h"

#include <algorithm>

namespace rockmate {

std::optional<ChannelRange> channels_of_slice(const Attributes& slice, const TensorType& image) {
  const auto& starts = slice.integers("starts");
  const auto& sizes = slice.integers("sizes");
  const auto& steps = slice.integers("steps");
  for (std::size_t a = 0; a < image.shape.size(); ++a) {
    if (steps[a] != 1 || (a != 1 && sizes[a] != image.shape[a])) return std::nullopt;
  }
  return ChannelRange{starts[1], sizes[1]};
}

// Slots from the parts' outputs on: 0 x, 1 y again, 2 the clamp's gradient, 3 dx, 4 dscale, 5
// dbias, then slices.
std::optional<PiecedNorm> pieced_norm(const FusedParts& parts) {
  constexpr std::size_t kNormParts = 4;
  if (parts.parts.size() < kNormParts) return std::nullopt;
  const FusedPart& concat = parts.parts.front();
  const std::size_t whole = parts.inputs;
  const std::size_t gradient = whole + 3;
  const std::size_t sliced = whole + 6;
  const auto is_input = [&](std::size_t slot) { return slot < parts.inputs; };
  if (concat.kind != OpKind::kConcat || concat.attributes.integer("axis") != 1 ||
      !std::all_of(concat.inputs.begin(), concat.inputs.end(), is_input)) {
    return std::nullopt;
  }
  // To the other parts, x is an input behind the others.
  FusedParts rest;
  rest.inputs = parts.inputs + 1;
  rest.parts.assign(parts.parts.begin() + 1, parts.parts.begin() + kNormParts);
  const auto norm = clamped_norm(rest);
  if (!norm || norm->x != whole || !is_input(norm->dy)) return std::nullopt;
  PiecedNorm found{concat.inputs,
                   norm->low,
                   norm->high,
                   norm->norm->attributes.real("epsilon"),
                   norm->dy,
                   norm->mean,
                   norm->variance,
                   norm->scale,
                   norm->bias,
                   {},
                   {}};
  std::vector<std::optional<std::size_t>> outputs(sliced - whole + parts.parts.size());
  for (std::size_t o = 0; o < parts.outputs.size(); ++o) {
    if (parts.outputs[o] < gradient) return std::nullopt;
    outputs[parts.outputs[o] - whole] = o;
  }
  for (std::size_t i = 0; i < found.outputs.size(); ++i) found.outputs[i] = outputs[3 + i];
  for (std::size_t p = kNormParts; p < parts.parts.size(); ++p) {
    const FusedPart& slice = parts.parts[p];
    const auto& output = outputs[sliced - whole + p - kNormParts];
    if (slice.kind != OpKind::kSlice || slice.inputs.front() != gradient || !output) {
      return std::nullopt;
    }
    const auto channels = channels_of_slice(slice.attributes, concat.outputs.front());
    if (!channels) return std::nullopt;
    found.gradients.push_back({*output, std::nullopt, channels->first, channels->count});
    if (slice.inputs.size() == 1) continue;
    if (!is_input(slice.inputs.back())) return std::nullopt;
    found.gradients.back().addend = slice.inputs.back();
  }
  return found;
}

}  // namespace rockmate
