// Running a pipeline as `rockmate pipeline --run` does it: on the ranks of an MPI job, or on
// threads of this process.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rockmate/pipeline_run.h"

namespace rockmate::cli {

struct PipelineJob {
  std::function<TrainingModel(std::size_t micro_batches)> model_of;  ///< of one of so many
  GraphOfEngine graph_of;                  ///< the same as devices with engines of their own run it
  std::vector<std::size_t> micro_batches;  ///< numbers to choose from, of each replica
  Cluster cluster;
  PipelineOptions planning = {};
  PipelineRunOptions run = {};
  std::size_t steps = 1;  ///< in all, those before a checkpoint counted
  SendMode mode = SendMode::kStandard;
  std::string data = {};  ///< see TrainingData; empty: made up
  bool shuffle = false;
  std::string checkpoints = {};  ///< a folder, or nothing
  std::size_t checkpoint_every = 1;
};

/// What rank 0 knows at the end.
struct PipelineOutcome {
  std::optional<NoPipeline> none;  ///< why there is no plan; then nothing else
  std::optional<PipelinePlan> plan;
  std::optional<std::uint64_t> resumed;  ///< the step with which it went on
  std::vector<PipelineStep> steps;
  std::vector<Bytes> planned;        ///< by rank of the transport
  std::string gradients, states;     ///< digests: of the last step's sums, of all that is owned
  std::optional<Pipeline> measured;  ///< with the seconds that its actions took
  std::optional<PipelineTrace> simulated;  ///< of that
};

/// Plans, runs and reports. Nothing on ranks other than 0. A rank that fails ends the job: under
/// MPI at once, with one line on standard error. Throws InvalidInput for what a rank of this
/// process has met.
[[nodiscard]] std::optional<PipelineOutcome> run_pipeline_job(const PipelineJob& job);

}  // namespace rockmate::cli
