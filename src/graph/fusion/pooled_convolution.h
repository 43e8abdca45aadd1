// A 1x1 convolution, a ReLU or clip, and the mean over all pixels, as the parts of one op: a number
// for each channel is all that is made, so that an engine need not store an image.
#pragma once

#include <optional>
#include <vector>

#include "rockmate/graph.h"

namespace rockmate {

/// Slots that the convolution reads, and what passes the clamp. The parts are in their order, and
/// nothing between them is an output.
struct PooledConvolution {
  std::size_t x, weight;
  std::optional<std::size_t> bias;
  double low, high;  ///< no `high`: infinity
};

/// None: the parts are others.
[[nodiscard]] std::optional<PooledConvolution> pooled_convolution(
    const FusedParts& parts, const std::vector<const TensorType*>& inputs);

}  // namespace rockmate
