// How long a step of a plan takes with what the caches keep from op to op.
//
// An op that was measured twice, with its operands in memory (c seconds) and in the caches (h),
// takes
//
//   h + (c - h) * share of the bytes that it reads and writes that the caches do not hold.
//
// Which those are follows from the plan, because it knows all addresses: a cache of so many bytes
// forgets the block of memory that was touched least recently. What runs again just before it is
// used, and arenas that are small, then cost less than the sum of their ops, by up to ten points of
// overhead. Caches are neither exact in what they forget nor ours alone: half of what they hold
// counts.
#pragma once

#include <optional>

#include "rockmate/cost_model.h"
#include "rockmate/schedule.h"
#include "rockmate/training_model.h"

namespace rockmate {

/// A step that follows upon another one of the same plan. Nothing where `costs` lack the caches or
/// the second measurement of an op. Linear in the bytes that a step touches, by 64 KiB.
[[nodiscard]] std::optional<Seconds> cached_step(const TrainingModel& model, const Plan& plan,
                                                 const CostModel& costs);

}  // namespace rockmate
