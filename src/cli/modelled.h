// Training on the emulated Vector Engine: which card, and its modelled times. Nothing here is
// measured.
#pragma once

#include <optional>
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
  double fma_share = 0, bandwidth_share = 0, mean_length = 0;  ///< by time
  double flops = 0;
  Bytes moved;
};

/// A step as modelled, beside what its kernels take together: that is the plan's.
struct ModelledStep {
  VectorDevice device;
  OffloadMode mode = OffloadMode::kNative;
  Offload offload = {};
  std::vector<KernelTotal> kernels = {};  ///< the longest first
};

/// The card that --device and --calibration name. Nothing for another engine than `vector`. Throws
/// InvalidInput where --device names no Vector Engine.
[[nodiscard]] std::optional<VectorDevice> vector_device_of(const TrainFlags& flags);

/// Puts the card's modelled costs into the options, where no measurements are given.
void use_modelled_costs(const TrainFlags& flags, const VectorDevice& device, const Graph& graph,
                        TrainingOptions& options);

/// Throws InvalidInput where the plan needs more memory than the card has.
[[nodiscard]] ModelledStep modelled_step(const TrainFlags& flags, const VectorDevice& device,
                                         const TrainingModel& model, const Plan& plan);

/// A row for each kernel; times, shares and lengths are modelled.
[[nodiscard]] std::string kernel_table(const ModelledStep& step);

[[nodiscard]] const char* to_string(OffloadMode mode);

}  // namespace rockmate::cli
