// How long ops took within steps, held against what they cost in the plan.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "rockmate/executor.h"

namespace rockmate::cli {

/// All runs of ops of one signature within a step.
struct TimedOp {
  std::string signature;
  OpKind kind = OpKind::kAdd;
  std::size_t runs = 0;
  Seconds planned;   ///< by the costs
  Seconds measured;  ///< sum over the runs of the median over the steps
};

/// In the order of the first run. All steps have the same runs.
[[nodiscard]] std::vector<TimedOp> timed_ops(const TrainingModel& model,
                                             const std::vector<std::vector<OpTime>>& steps);

/// A table by kinds of ops, the slowest first.
[[nodiscard]] std::string report(const std::vector<TimedOp>& ops);
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<TimedOp>& ops);

/// 0 of none.
[[nodiscard]] Seconds median(std::vector<Seconds> times);

}  // namespace rockmate::cli
