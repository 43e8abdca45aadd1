// The largest batch that trains within a budget: "how many samples at a time can I afford?"
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "rockmate/plan.h"

namespace rockmate {

/// The training iteration for that many samples; called with 1 or more.
using GraphOfBatch = std::function<TrainingGraph(std::int64_t batch)>;

struct BatchOptions {
  /// Plans with more overhead than this do not count.
  std::optional<double> max_overhead = std::nullopt;
  /// No larger batch is tried.
  std::int64_t most = std::int64_t{1} << 24;
  PlanOptions plan =
      {};  ///< for each batch that is tried; a time limit is for all of them together
};

struct LargestBatch {
  std::int64_t batch = 0;
  TrainingGraph graph;
  Plan plan;
  /// The smallest batch above that was given up; absent where `most` is reached.
  std::optional<std::int64_t> too_large;
  bool too_large_is_proven = false;  ///< no plan for it exists, whoever looks
};

/// Why not even one sample can be had: it does not fit, or only at more than the overhead allowed.
struct NoBatch {
  TrainingGraph graph;  ///< of one sample
  NoPlan no_plan;
};

/// Finds the largest batch for which `plan` finds a plan within `budget` bytes, by bisection: takes
/// for granted that a larger batch needs more. Tries about log2 of the answer, each with a plan of
/// its own. Stopped early, it gives the largest batch found so far.
[[nodiscard]] Expected<LargestBatch, NoBatch> plan_largest_batch(const GraphOfBatch& graph_of,
                                                                 Bytes budget,
                                                                 const BatchOptions& options = {});

}  // namespace rockmate
