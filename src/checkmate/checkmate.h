// Checkmate on a whole iteration: program order, and what runs again in front of each op. Small
// graphs by the integer program, larger ones by rounding its relaxation.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "rockmate/milp.h"
#include "rockmate/training_graph.h"
#include "schedule/runs.h"

namespace rockmate::checkmate {

struct CheckmateOptions {
  std::size_t exact_variables = 4000;        ///< 0/1 variables up to which the program is solved
  std::optional<Runs> start = std::nullopt;  ///< a plan, used if it is one in program order
  std::optional<Seconds> time_limit = std::nullopt;            ///< of the whole call
  std::function<void(const std::string&)> progress = nullptr;  ///< what begins, in words
  std::stop_token stop = {};
};

struct CheckmateResult {
  std::optional<Runs> runs;  ///< within the budget; nothing if none were found in time
  /// No plan in program order takes fewer seconds within the budget; infinite if there is none.
  Seconds bound;
};

[[nodiscard]] CheckmateResult checkmate_within(const TrainingGraph& graph, Bytes budget,
                                               const MilpSolver& solver,
                                               const CheckmateOptions& options);

}  // namespace rockmate::checkmate
