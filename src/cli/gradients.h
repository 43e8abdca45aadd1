// Parameter gradients, as they were made in the last step. They die in the update of their
// parameter, so that a copy is taken right behind the op that makes them.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "rockmate/executor.h"

namespace rockmate::cli {

class GradientRecorder {
 public:
  /// The model outlives the recorder. Takes as many bytes as the gradients.
  explicit GradientRecorder(const TrainingModel& model);

  /// Copies what was seen if it is a parameter's gradient.
  void record(const Observation& seen);
  /// All gradients, in the order of the model's parameters.
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

  /// Writes them under the names of the parameters as a safetensors file (docs/training.md), whole
  /// or not at all. Throws InvalidInput when it cannot be written.
  void write(const std::filesystem::path& file) const;

 private:
  const TrainingModel& model_;
  IdVector<ValueId, std::size_t> begin_;  // 1 + offset into bytes_; 0: is no gradient
  std::vector<std::byte> bytes_;
};

}  // namespace rockmate::cli
