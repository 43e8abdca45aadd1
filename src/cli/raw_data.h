// Data from files for `rockmate train`: one raw file per input, its elements row-major and
// little-endian, a whole number of batches, from which step after step takes one
// (docs/training.md).
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "rockmate/executor.h"

namespace rockmate::cli {

class RawData {
 public:
  /// `path` is a folder with NAME.raw for inputs of the model, or one such file; empty: no data.
  /// Inputs without a file are told in a warning. Throws InvalidInput where there is none for any
  /// input, or a file is not a whole number of batches.
  RawData(const TrainingModel& model, const std::string& path);

  /// Sets the inputs that have a file to the batch of a step; behind the last one begins the first.
  /// Throws InvalidInput where the file cannot be read, or `Executor::set` does.
  void feed(Executor& executor, std::uint64_t step);

 private:
  struct Stream {
    std::string input, file;
    std::ifstream data;
    std::uint64_t batches;
    std::vector<std::byte> batch;
  };
  void open(const std::string& input, Bytes bytes, const std::string& file);
  std::vector<Stream> streams_;
};

/// The name of an input's file, without a folder: what is no part of a file name becomes "_".
[[nodiscard]] std::string raw_file_name(std::string input);

}  // namespace rockmate::cli
