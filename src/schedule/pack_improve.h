// Local search over the order in which first fit places items.
#pragma once

#include <cstdint>

#include "schedule/pack_greedy.h"

namespace rockmate {

/// Starts from `order` and the placement it gave; returns the best placement met until one is no
/// higher than `goal` or the work is spent. Each step costs one greedy placement.
[[nodiscard]] Placement improve_placement(const PackProblem& problem, PackOrder order,
                                          Placement start, Bytes goal, std::uint64_t seed,
                                          WorkMeter& work);

}  // namespace rockmate
