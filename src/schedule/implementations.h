// Which implementations of an op a planner may choose from, so that the results keep their bits at
// every budget: those of one numeric class, fixed before the budget is looked at.
#pragma once

#include <cstdint>
#include <vector>

#include "rockmate/training_graph.h"

namespace rockmate {

/// Indices into `op.implementations`, never empty: of the class of the fastest one (at equal
/// seconds, of the first), without those that another one beats in both seconds and workspace; by
/// rising seconds and falling workspace.
[[nodiscard]] std::vector<std::uint16_t> useful_implementations(const Op& op);

}  // namespace rockmate
