// A batch norm applied again, the gradient of the clamp behind it, and the gradient of the batch
// norm, as the parts of one op: the clamp passes what it passed forward, where its operand is what
// the same line makes of x, so that an engine need not store either.
#pragma once

#include <array>
#include <optional>

#include "rockmate/graph.h"

namespace rockmate {

/// Numbers are those of the op's inputs, and of its outputs: dx, dscale, dbias; none: nobody reads
/// it. The parts are in their order: `gate` is the clamp's gradient, of a ReLU or a clip.
struct ClampedNorm {
  const FusedPart* gate;
  const FusedPart* norm;
  double low, high;  ///< no `high`: infinity
  std::size_t dy, x, mean, variance;
  std::optional<std::size_t> scale, bias;
  std::array<std::optional<std::size_t>, 3> outputs;
};

/// None: the parts are others, or what lies between them is read. It points into `parts`.
[[nodiscard]] std::optional<ClampedNorm> clamped_norm(const FusedParts& parts);

}  // namespace rockmate
