// A trained network used: samples in, outputs out, batch by batch.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "rockmate/data.h"
#include "rockmate/executor.h"

namespace rockmate::cli {

struct InferenceJob {
  const TrainingModel& model;  ///< as make_inference_model makes it
  const Plan& plan;
  ExecutorOptions options = {};
  std::filesystem::path weights = {};    ///< a checkpoint; empty: the model's own
  std::vector<std::string> inputs = {};  ///< FILE, or INPUT=FILE; without any they are made up
  std::size_t repeat = 1;                ///< runs of each batch
  std::stop_token stop = {};             ///< when asked to stop: after the batch
};

/// One output for all samples.
struct InferenceOutput {
  std::string name;
  TensorType type;
  std::vector<std::byte> bytes;
};

struct InferenceOutcome {
  std::int64_t batch = 0;    ///< samples in a run
  std::int64_t samples = 0;  ///< that the outputs are of
  std::vector<InferenceOutput> outputs;
  std::vector<Seconds> seconds;  ///< of each run
  Bytes planned, measured;
  std::vector<std::vector<OpTime>> op_times = {};  ///< of each run, where they were asked for
};

/// The last batch is filled up with its last sample, whose outputs do not count. Throws
/// InvalidInput where weights or data are no good.
[[nodiscard]] InferenceOutcome infer(const InferenceJob& job);

}  // namespace rockmate::cli
