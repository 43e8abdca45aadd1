// Training as `rockmate train` does it: steps of a plan and, to compare, the same steps of the
// plain iteration beside it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "cli/held_out.h"
#include "cli/modelled.h"
#include "cli/trainer.h"
#include "cli/training_data.h"
#include "rockmate/executor.h"
#include "rockmate/rate_schedule.h"

namespace rockmate::cli {

struct TrainingJob {
  const TrainingModel& model;
  Plan plan;
  ExecutorOptions options = {};
  CostModel costs = CostModel::measured();  ///< by which it was planned
  std::size_t steps = 1;                    ///< in all, those before a checkpoint included
  RateSchedule rate = {};
  DataOptions data = {};
  const TrainingModel* evaluation = nullptr;  ///< of the model; where there are held-out data
  std::string held_out = {};
  std::size_t evaluate_every = 0;  ///< beside the first and the last time; 0: never
  // Files; empty: none.
  std::filesystem::path resume = {};
  std::filesystem::path save = {};
  std::size_t save_every = 0;            ///< beside the last time; 0: never
  std::filesystem::path gradients = {};  ///< of the last step
  /// Gets the trained executor at the end.
  std::function<void(const Executor&)> finish = {};
  bool compare = false;
  std::optional<ModelledStep> modelled = {};  ///< on an emulated card
  std::stop_token stop = {};                  ///< when asked to stop: after the step
};

/// The plain iteration beside the plan.
struct Comparison {
  Bytes bytes;                   ///< of its memory
  std::vector<Seconds> seconds;  ///< of its steps
  std::vector<double> losses;
  SameBits same;  ///< after every step
};

/// What steps should take by what was measured before.
struct ExpectedSteps {
  Seconds planned, plain;
};

struct TrainingOutcome {
  std::vector<StepReport> steps;  ///< that were done, behind those of the checkpoint
  std::vector<Evaluation> evaluations;
  Bytes planned, measured;
  ExpectedSteps expected;
  std::vector<std::vector<OpTime>> op_times = {};  ///< of each step, where they were asked for
  std::optional<Comparison> comparison;
  LinkTraffic copied = {};  ///< of the last step, to and from a card
};

/// Shows progress on a terminal. Throws InvalidInput where the data, the plan, a checkpoint or the
/// losses are no good; where data fail behind the first step, the state is saved before.
[[nodiscard]] TrainingOutcome train(const TrainingJob& job);

}  // namespace rockmate::cli
