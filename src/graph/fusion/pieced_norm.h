// The gradient of a clamped norm whose x is a concatenation of channels, and slices of what it
// makes, as the parts of one op: an engine need not store x, nor its gradient.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "graph/fusion/clamped_norm.h"

namespace rockmate {

/// Numbers are those of the op's inputs and outputs, as in ClampedNorm.
struct PiecedNorm {
  struct Gradient {
    std::size_t output;
    std::optional<std::size_t> addend;
    std::int64_t first, count;  ///< channels
  };
  std::vector<std::size_t> pieces;  ///< of x
  double low, high, epsilon;
  std::size_t dy, mean, variance;
  std::optional<std::size_t> scale, bias;
  std::array<std::optional<std::size_t>, 3> outputs;  ///< dx, unless only slices read it
  std::vector<Gradient> gradients;
};

/// None: the parts are others, or what lies between them is read.
[[nodiscard]] std::optional<PiecedNorm> pieced_norm(const FusedParts& parts);

struct ChannelRange {
  std::int64_t first, count;
};
/// None: it takes other things than neighbouring channels of an image of that type.
[[nodiscard]] std::optional<ChannelRange> channels_of_slice(const Attributes& slice,
                                                            const TensorType& image);

}  // namespace rockmate
