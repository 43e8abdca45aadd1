// Runs pipelines with their ranks as threads of this process, and keeps what training leaves
// behind.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rockmate/pipeline_run.h"
#include "support/training_run.h"

namespace rockmate::testing {

struct PipelineRecord {
  std::vector<double> losses;             ///< of each step, over all micro-batches
  std::map<std::string, Bits> gradients;  ///< of the last step
  std::map<std::string, Bits> states;     ///< at the end; of what is copied, all copies are equal
  std::vector<Bytes> planned, measured;   ///< by rank
  std::vector<std::string> failures;      ///< what each rank threw, or ""
  std::vector<std::vector<RankStep>> steps;  ///< by rank
};

struct PipelineRunSetup {
  PipelineRunOptions options = {};
  std::size_t steps = 2;
  SendMode mode = SendMode::kStandard;
};

[[nodiscard]] PipelineRecord run_pipeline(const TrainingModel& micro_batch,
                                          const Pipeline& pipeline,
                                          const PipelineRunSetup& setup = {});

inline constexpr PipelineFamily kFamilies[] = {
    PipelineFamily::kGPipe, PipelineFamily::kOneForwardOneBackward, PipelineFamily::kInterleaved,
    PipelineFamily::kZeroBubbleH1};
inline constexpr std::size_t kMicroBatches = 4;

/// Nothing where nothing fits.
[[nodiscard]] std::optional<Pipeline> plan_of(const TrainingModel& micro_batch,
                                              const Cluster& cluster, PipelineFamily family,
                                              std::size_t micro_batches = kMicroBatches);
/// One rank that does its micro-batches in the order of the family; two steps.
[[nodiscard]] PipelineRecord run_alone(const TrainingModel& micro_batch, PipelineFamily family);

/// Equal devices with links that take no time.
[[nodiscard]] Cluster equal_devices(std::size_t count, Bytes memory = PipelineDevice().memory);

/// The first thing in which two records differ, or "".
[[nodiscard]] std::string difference(const PipelineRecord& a, const PipelineRecord& b);

}  // namespace rockmate::testing
