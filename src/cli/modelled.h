// What the kernels of an iteration take on the emulated Vector Engine. Nothing here is measured.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/train_flags.h"
#include "rockmate/schedule.h"
#include "rockmate/vector_engine.h"

namespace rockmate::cli {

/// All launches of one kernel in a step.
struct KernelTotal {
  std::string kernel;
  std::int64_t launches = 0;
  Seconds seconds;
  double cycles = 0;
  PipeShares pipes;                             ///< by time
  double bandwidth_share = 0, mean_length = 0;  ///< by time
  double flops = 0;
  Bytes from_cache, from_memory;  ///< and to it
};

/// A step as modelled, beside what its kernels take together: that is the plan's.
struct ModelledStep {
  VectorDevice device;
  OffloadMode mode = OffloadMode::kNative;
  Offload offload = {};
  std::vector<KernelTotal> kernels = {};  ///< the longest first
};

/// All ops of one signature, each with the time of one.
struct ModelledOp {
  std::string signature;
  std::size_t count = 0;
  Seconds seconds = {};
};
/// The plain iteration, kernel by kernel and op by op.
struct ModelledProfile {
  VectorDevice device;
  std::vector<KernelTotal> kernels;  ///< the longest first
  std::vector<ModelledOp> ops;       ///< in the order of the iteration
};
[[nodiscard]] ModelledProfile modelled_profile(const TrainingModel& model,
                                               const VectorDevice& device);
[[nodiscard]] std::string report(const std::string& model, const ModelledProfile& profile);
[[nodiscard]] nlohmann::ordered_json to_json(const ModelledProfile& profile);

/// Throws InvalidInput where the plan needs more memory than the card has.
[[nodiscard]] ModelledStep modelled_step(const TrainFlags& flags, const VectorDevice& device,
                                         const TrainingModel& model, const Plan& plan);

/// A row for each kernel; times, shares and lengths are modelled.
[[nodiscard]] std::string kernel_table(const std::vector<KernelTotal>& kernels);
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<KernelTotal>& kernels);

[[nodiscard]] const char* to_string(OffloadMode mode);

}  // namespace rockmate::cli
