// Point-wise parts that stand side by side within a larger fused kernel become one part, itself
// fused, so that they can run in tiles: "linear dropout add" is "linear [dropout add]".
#pragma once

#include <memory>

#include "rockmate/graph.h"

namespace rockmate {

/// The same parts with runs of two and more nested. Parts that are all one run stay as they are.
[[nodiscard]] std::shared_ptr<const FusedParts> nest_point_runs(const FusedParts& parts);

}  // namespace rockmate
