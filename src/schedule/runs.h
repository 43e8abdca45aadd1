// A plan as planners think of it: a sequence of op runs. Everything else is derived: a value lives
// from a production to its last use before the next production, and what is not used is not made.
#pragma once

#include <cstdint>
#include <vector>

#include "rockmate/schedule.h"

namespace rockmate {

struct Run {
  OpId op;
  std::uint16_t implementation = 0;
  friend bool operator==(Run, Run) = default;
};
using Runs = std::vector<Run>;

/// Every op once, in program order.
[[nodiscard]] Runs program_order(const TrainingGraph& graph);

/// Adds the frees and skips to a sequence of runs. Sums live from their first contributor, results
/// to the end. The sequence must be executable: each run's needs produced before it (checked by
/// `simulate` afterwards, not here). Linear in the number of uses.
[[nodiscard]] Schedule schedule_from_runs(const TrainingGraph& graph, const Runs& runs);

/// Removes runs that make nothing which is used before it is made again; the first run of an op
/// always stays. What remains is executable if `runs` was.
[[nodiscard]] Runs without_idle_runs(const TrainingGraph& graph, const Runs& runs);

}  // namespace rockmate
