// A fixed order of steps, each run once, in front of which other steps may run again: Checkmate's
// language, for a whole iteration or for one block of a chain.
//
// Stage t ends with step t. Before it, steps of lower numbers that may run again do so, in order.
// A value is there from a run of the step that makes it, or from the start, for as long as it is
// kept. Everything is numbered by position; what a position means is its maker's business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "graph/chain.h"
#include "rockmate/training_graph.h"

namespace rockmate::checkmate {

inline constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

struct StagedStorage {
  std::int64_t bytes = 0;
  bool is_fixed_before = false;  ///< before `first_stage` its bytes are in Step::fixed
  bool is_saved_free = false;    ///< stays anyway until `first_stage`, so that saving costs nothing
};

struct StagedValue {
  std::size_t storage = 0;
  std::size_t made = kNever;            ///< the step; kNever: there from the start
  std::vector<std::size_t> reads = {};  ///< steps, rising
  bool is_optional = false;             ///< a run may leave it out
};

struct Step {
  double seconds = 0;
  std::int64_t workspace = 0;
  std::int64_t fixed = 0;   ///< bytes that no choice changes, while the step runs
  std::int64_t before = 0;  ///< and while others run again before it
  std::vector<std::size_t> reads = {}, makes = {};  ///< values
  std::vector<std::pair<std::size_t, std::size_t>> take_over =
      {};                    ///< (made, read) value: in place
  std::size_t again_to = 0;  ///< the last stage in which it may run again; 0: none
};

struct StagedProblem {
  std::vector<StagedStorage> storages;
  std::vector<StagedValue> values;
  std::vector<Step> steps;
  std::size_t first_stage = 0;  ///< no step runs again before it; what is live then is *saved*

  [[nodiscard]] bool may_run_again(std::size_t step, std::size_t stage) const {
    return step < stage && stage >= first_stage && stage <= steps[step].again_to;
  }
};

/// By stage: the steps that run again in it, rising.
using Reruns = std::vector<std::vector<std::size_t>>;

struct Weight {
  std::int64_t saved = 0;
  std::int64_t peak = 0;
  double seconds = 0;  ///< of the reruns
  friend bool operator==(const Weight&, const Weight&) = default;
};

/// Replays a choice: values live from a run that makes them to their last use before the next.
/// Nothing if a value is read that is not there. Time: runs times values.
[[nodiscard]] std::optional<Weight> weigh(const StagedProblem& problem, const Reruns& reruns);

/// All ops of the graph as steps, and one more that reads the results; sources are not counted.
[[nodiscard]] StagedProblem staged_graph(const TrainingGraph& graph);

/// The forward and then the backward part of a block; only forward ops run again, only between
/// backward ops. It depends on nothing but what makes blocks equal (graph/repeats.h): bytes that
/// the block does not touch are left out, and its inputs may die within it.
[[nodiscard]] StagedProblem staged_block(const TrainingGraph& graph, const Block& block);

}  // namespace rockmate::checkmate
