// Schedules that differ from the plain one as plans do: ops run again, values written in place.
#pragma once

#include <cstdint>

#include "rockmate/schedule.h"

namespace rockmate::testing {

/// The plain iteration with random forward ops run again, at the start of the backward pass or
/// right before a backward op; what is then no longer read in between is freed.
[[nodiscard]] Schedule recomputed_schedule(const TrainingGraph& graph, std::uint64_t seed);

/// Writes in place whatever the graph and the judge allow. Quadratic.
[[nodiscard]] Schedule in_place_schedule(const TrainingGraph& graph, Schedule schedule);

}  // namespace rockmate::testing
