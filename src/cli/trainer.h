// One of the two runs that `rockmate train --compare` holds against each other.
#pragma once

#include <memory>

#include "cli/gradients.h"
#include "rockmate/executor.h"

namespace rockmate::cli {

/// An executor with the gradients of its last step, where someone asks for them.
class Trainer {
 public:
  /// The model outlives the trainer.
  Trainer(const TrainingModel& model, const Plan& plan, const ExecutorOptions& options,
          bool records);

  [[nodiscard]] Executor& executor() { return executor_; }
  [[nodiscard]] const Executor& executor() const { return executor_; }
  /// Of a trainer that records.
  [[nodiscard]] const GradientRecorder& gradients() const { return *gradients_; }

 private:
  Executor executor_;
  std::unique_ptr<GradientRecorder> gradients_;
};

/// Whether bits were equal so far.
struct SameBits {
  bool loss = true;
  bool gradients = true;  ///< and the parameters and states that they update
  bool statistics = true;
  [[nodiscard]] bool all() const { return loss && gradients && statistics; }
};

/// Takes note of what differs after the same step of two trainers that record.
void compare(const TrainingModel& model, const Trainer& plain, const Trainer& planned,
             SameBits& same);

}  // namespace rockmate::cli
