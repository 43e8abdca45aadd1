// Runs pipelines with their ranks as threads of this process, and keeps what training leaves
// behind.
#pragma once

#include <map>
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

/// Equal devices with links that take no time.
[[nodiscard]] Cluster equal_devices(std::size_t count, Bytes memory = PipelineDevice().memory);

/// The first thing in which two records differ, or "".
[[nodiscard]] std::string difference(const PipelineRecord& a, const PipelineRecord& b);

}  // namespace rockmate::testing
