// Looks for a packing within a capacity by pushing out: an item without a place takes the cheapest
// one there is, and whoever lies there looks for another.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "schedule/pack_problem.h"

namespace rockmate {

/// Starts from the items of `start` that end below `capacity`, where they lie. Nothing where the
/// work was spent, which says nothing about whether there is a packing. A step costs twice the
/// number of items.
[[nodiscard]] std::optional<Placement> eject_placement(const PackProblem& problem, Bytes capacity,
                                                       const Placement& start, std::uint64_t seed,
                                                       WorkMeter& work);

/// Some items in their places, and those that wait for one.
struct PartialPlacement {
  std::vector<Bytes> offsets;
  std::vector<std::uint32_t> waiting;
};

/// The same until nobody waits or the work is spent; of the arrangements on the way,
/// `start` among them, the one with the least bytes times duration waiting. No item has more bytes
/// than the capacity.
[[nodiscard]] PartialPlacement eject_some(const PackProblem& problem, Bytes capacity,
                                          const std::vector<Bytes>& start, std::uint64_t seed,
                                          WorkMeter& work);

}  // namespace rockmate
