// Training as `rockmate train` does it: steps of a plan and, to compare, the same steps of the
// plain iteration beside it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "cli/trainer.h"
#include "rockmate/executor.h"

namespace rockmate::cli {

struct TrainingJob {
  const TrainingModel& model;
  Plan plan;
  ExecutorOptions options = {};
  std::size_t steps = 1;
  std::string data = {};                 ///< see RawData
  std::filesystem::path gradients = {};  ///< where those of the last step go; empty: nowhere
  bool compare = false;
  std::stop_token stop = {};  ///< when asked to stop: after the step
};

/// The plain iteration beside the plan.
struct Comparison {
  Bytes bytes;                   ///< of its memory
  std::vector<Seconds> seconds;  ///< of its steps
  SameBits same;                 ///< after every step
};

struct TrainingOutcome {
  std::vector<StepReport> steps;  ///< that were done
  Bytes planned, measured;
  std::optional<Comparison> comparison;
};

/// Shows progress on a terminal. Throws InvalidInput where the data, the plan or the losses are no
/// good.
[[nodiscard]] TrainingOutcome train(const TrainingJob& job);

/// 0 of none.
[[nodiscard]] Seconds median(std::vector<Seconds> times);

}  // namespace rockmate::cli
