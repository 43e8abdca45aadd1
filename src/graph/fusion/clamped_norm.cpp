#include "graph/fusion/clamped_norm.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

namespace rockmate {
namespace {

// What the clamp lies between.
std::optional<std::pair<double, double>> limits_of(const FusedPart& gradient) {
  if (gradient.kind == OpKind::kReluGradient) {
    return std::pair{0.0, std::numeric_limits<double>::infinity()};
  }
  if (gradient.kind != OpKind::kClipGradient) return std::nullopt;
  return std::pair{gradient.attributes.real("low"), gradient.attributes.real("high")};
}

}  // namespace

// Slots from the parts' outputs on: 0 y again, 1 the clamp's gradient, 2 dx, 3 dscale, 4 dbias.
std::optional<ClampedNorm> clamped_norm(const FusedParts& parts) {
  if (parts.parts.size() != 3) return std::nullopt;
  const FusedPart& apply = parts.parts[0];
  const FusedPart& gate = parts.parts[1];
  const FusedPart& norm = parts.parts[2];
  const auto limits = limits_of(gate);
  if (apply.kind != OpKind::kBatchNormApply || !limits || norm.kind != OpKind::kBatchNormGradient ||
      apply.attributes != norm.attributes) {
    return std::nullopt;
  }
  const std::size_t first = parts.inputs;
  const std::vector<std::size_t> expected = {first + 1, apply.inputs[0], apply.inputs[1],
                                             apply.inputs[2]};
  const bool is_chain = gate.inputs[1] == first && gate.inputs[0] < first &&
                        std::equal(expected.begin(), expected.end(), norm.inputs.begin());
  const bool has_scale = apply.inputs.size() > 3;
  const bool scales_agree =
      (norm.inputs.size() > 4) == has_scale && (!has_scale || norm.inputs[4] == apply.inputs[3]);
  if (!is_chain || !scales_agree) return std::nullopt;
  ClampedNorm found = {&gate,
                       &norm,
                       limits->first,
                       limits->second,
                       gate.inputs[0],
                       apply.inputs[0],
                       apply.inputs[1],
                       apply.inputs[2],
                       std::nullopt,
                       std::nullopt,
                       {}};
  if (has_scale) found.scale = apply.inputs[3];
  if (apply.inputs.size() > 4) found.bias = apply.inputs[4];
  for (std::size_t o = 0; o < parts.outputs.size(); ++o) {
    if (parts.outputs[o] < first + 2) return std::nullopt;
    found.outputs[parts.outputs[o] - first - 2] = o;
  }
  return found;
}

}  // namespace rockmate
