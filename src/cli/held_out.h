// What a network makes of data that it does not train on: the mean loss over all of them and, where
// classes are told apart, the share that is told right. Runs in the memory of the training.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/training_data.h"
#include "rockmate/executor.h"

namespace rockmate::cli {

/// Moves of the search for a plan of the evaluation.
inline constexpr std::uint64_t kEvaluationWork = 200;

struct Evaluation {
  std::uint64_t step = 0;  ///< before which it was made
  double loss = 0;
  std::optional<double> accuracy = std::nullopt;  ///< of targets that are not ignored
};

class HeldOut {
 public:
  /// `model` is the evaluation of what the executor trains; both outlive this. Throws InvalidInput
  /// where the data are no good, or the evaluation does not fit into the training's memory.
  HeldOut(Executor& executor, const TrainingModel& model, const std::string& path);

  /// One pass over the data. The executor's own data are other ones afterwards.
  [[nodiscard]] Evaluation evaluate();

 private:
  void count_right(std::int64_t& right, std::int64_t& counted) const;

  Executor& executor_;
  const TrainingModel& model_;
  TrainingData data_;
  Evaluator evaluator_;
};

}  // namespace rockmate::cli
