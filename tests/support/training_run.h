// What training leaves behind, bit for bit, so that two ways to run the same iteration can be
// compared.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "exec/engine.h"
#include "rockmate/executor.h"

namespace rockmate::testing {

using Bits = std::vector<std::byte>;

/// Everything that is called by its name is equal, or nothing is.
struct StepRecord {
  std::map<std::string, Bits> losses, gradients, sources;
  friend bool operator==(const StepRecord&, const StepRecord&) = default;
};
/// The first thing in which the two differ, or "".
[[nodiscard]] std::string difference(const StepRecord& a, const StepRecord& b);

/// A model whose iteration an engine without workspace can run, or one that needs `workspace` bytes
/// for every op.
[[nodiscard]] TrainingModel trainable(const Graph& graph,
                                      OptimizerKind optimizer = OptimizerKind::kSgd,
                                      Bytes workspace = {});
/// The same model with fused ops, and with the workspaces that an engine needs.
[[nodiscard]] TrainingModel fused(const Graph& graph, OptimizerKind optimizer = OptimizerKind::kSgd,
                                  const std::string& engine = "reference");

/// The plain iteration with addresses.
[[nodiscard]] Plan plain_plan(const TrainingModel& model);

/// Runs some steps on synthetic data. Gradients are seen where they are made.
[[nodiscard]] std::vector<StepRecord> train(const TrainingModel& model, const Plan& plan,
                                            std::unique_ptr<Engine> engine, std::size_t steps,
                                            const ExecutorOptions& options = {});

}  // namespace rockmate::testing
