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

/// Whether outputs take over the storage of an input that dies in the same run.
enum class TakeOver : std::uint8_t {
  kNever,
  kWhereEqual  ///< wherever it is allowed and both have equally many bytes: never a larger peak
};

/// The pairs of an op that `kWhereEqual` may use in some run: equally many bytes, the input no
/// source, nothing else of the op on either storage; one output per input.
[[nodiscard]] std::vector<InPlace> take_overs(const TrainingGraph& graph, OpId op);

/// Adds the frees and skips to a sequence of runs. Sums live from their first contributor, results
/// to the end. The sequence must be executable: each run's needs produced before it (checked by
/// `simulate` afterwards, not here). Linear in the number of uses.
[[nodiscard]] Schedule schedule_from_runs(const TrainingGraph& graph, const Runs& runs,
                                          TakeOver take_over = TakeOver::kNever);

/// Removes runs that make nothing which is used before it is made again; the first run of an op
/// always stays. What remains is executable if `runs` was.
[[nodiscard]] Runs without_idle_runs(const TrainingGraph& graph, const Runs& runs);

}  // namespace rockmate
