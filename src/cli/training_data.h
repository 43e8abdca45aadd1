// Data from files for `rockmate train`: one file per input, a batch of samples per step
// (docs/training.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rockmate/data.h"
#include "rockmate/executor.h"

namespace rockmate::cli {

struct DataOptions {
  std::string path = {};  ///< empty: no data
  bool shuffle = false;
  std::uint64_t seed = 0;
  bool is_complete = false;  ///< an input without a file is an error
};

class TrainingData {
 public:
  /// The path is a folder with INPUT.raw, .npy, .idx or .txt for inputs of the model, one such
  /// file, or a text for all inputs. A model's only target may be called target. Inputs without a
  /// file are told in a warning. Throws InvalidInput where there is a file for no input, one is
  /// broken, or inputs have different numbers of samples.
  TrainingData(const TrainingModel& model, const DataOptions& options);

  [[nodiscard]] bool is_there() const { return loader_.has_value(); }
  [[nodiscard]] std::int64_t batches_per_epoch() const { return loader_->batches_per_epoch(); }

  /// What a step sees; behind the last batch begins the first. Without data there are no parts.
  /// Valid until the next call. Throws InvalidInput where a file cannot be read.
  [[nodiscard]] const std::vector<BatchPart>& batch(std::uint64_t step);

  /// The part of `batch(step)` for one input; false: there are no data for it.
  [[nodiscard]] bool read(std::string_view input, std::uint64_t step, std::span<std::byte> bytes);

 private:
  void add(const TrainingModel& model, const Source& source, const std::string& file,
           std::int64_t shift);

  std::int64_t batch_ = 0;
  std::vector<Feed> feeds_;
  std::optional<Loader> loader_;
  std::optional<std::uint64_t> at_hand_;  // the step whose batch was asked for last
  const std::vector<BatchPart>* current_ = nullptr;
  std::vector<BatchPart> none_;
};

/// Throws InvalidInput where an element lies outside the range of its input.
void feed(const std::vector<BatchPart>& batch, std::uint64_t step, Executor& executor);

}  // namespace rockmate::cli
