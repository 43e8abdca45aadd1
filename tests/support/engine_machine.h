// Runs a training model op by op on an engine, each value in a buffer of its own: the interpreter's
// interface for engines, for tests that want numbers and no plan.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "exec/engine.h"
#include "support/interpreter.h"

namespace rockmate::testing {

class EngineMachine {
 public:
  /// Sources begin as the interpreter's. Both arguments outlive the machine.
  EngineMachine(const TrainingModel& model, const Engine& engine);

  void set(ValueId source, const std::vector<double>& data);
  /// Runs the ops of one iteration; nothing is freed or written in place.
  void run(const Schedule& schedule);
  /// Runs the ops of the phases forward and loss only.
  void run_losses();
  [[nodiscard]] Array operator[](ValueId value) const;
  /// Sum of weight * loss.
  [[nodiscard]] double total_loss() const;

 private:
  void compute(OpId op);

  const TrainingModel& model_;
  const Engine& engine_;
  IdVector<ValueId, std::vector<std::byte>> memory_;  // with room to be aligned
  std::uint64_t step_ = 0;
};

/// The model with float64 wherever it has float32.
[[nodiscard]] TrainingModel in_float64(TrainingModel model);

/// The model with its images channels last, wherever that is a matter of taste: not where a weight
/// or a view has four axes. Kernel by kernel it computes the same.
[[nodiscard]] TrainingModel in_channels_last(TrainingModel model);

}  // namespace rockmate::testing
