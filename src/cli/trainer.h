// One of the two runs that `rockmate train --compare` holds against each other.
#pragma once

#include <memory>

#include "cli/gradients.h"
#include "exec/linked_device.h"
#include "rockmate/executor.h"
#include "rockmate/vector_engine.h"

namespace rockmate::cli {

/// An executor with the gradients of its last step, where someone asks for them.
class Trainer {
 public:
  Trainer(const Trainer&) = delete;  // the executor's observer knows where it is
  Trainer& operator=(const Trainer&) = delete;

  /// The model outlives the trainer.
  Trainer(const TrainingModel& model, const Plan& plan, const ExecutorOptions& options,
          bool records);

  [[nodiscard]] Executor& executor() { return executor_; }
  [[nodiscard]] const Executor& executor() const { return executor_; }
  /// All copies to and from the engine's device, if it has one.
  [[nodiscard]] LinkTraffic traffic() const {
    return device_ == nullptr ? LinkTraffic() : device_->traffic();
  }
  /// Runs a step. Where parameters go down to the device in every one, copies them there before,
  /// and gradients up as they are made.
  StepReport step(OffloadMode mode);
  /// Of a trainer that records.
  [[nodiscard]] const GradientRecorder& gradients() const { return *gradients_; }

 private:
  Trainer(const TrainingModel& model, const Plan& plan, std::unique_ptr<Engine> engine,
          const ExecutorOptions& options, bool records);
  void copy_parameters_down();

  const TrainingModel& model_;
  const LinkedDevice* device_;  // of the executor's engine; null: none
  Executor executor_;
  std::unique_ptr<GradientRecorder> gradients_;
  IdVector<ValueId, char> is_gradient_;
  bool is_transparent_ = false;
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
