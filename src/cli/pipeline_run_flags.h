// The options of `rockmate pipeline --run`, and the run itself.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cli/model_flags.h"
#include "cli/pipeline_job.h"
#include "cli/verbs.h"

namespace rockmate::cli {

struct PipelineRunFlags {
  bool run = false;
  std::size_t steps = 1;
  std::string engine = "cpu";
  int threads = 1;
  std::uint64_t seed = 0;
  std::optional<double> learning_rate;
  std::size_t replicas = 1;
  double deadline = PipelineRunOptions().deadline.count();
  bool synchronous = false;
  std::string data;
  bool shuffle = false;
  std::string checkpoints;
  std::size_t checkpoint_every = 1;

  void add_to(CLI::App& verb);
};

/// A job without what planning chooses. `batch`: the samples of an iteration.
[[nodiscard]] PipelineJob job_of(const PipelineRunFlags& flags, const ModelFlags& model,
                                 std::size_t batch, const Cluster& cluster);

/// Runs, prints, and draws `timeline`, if there is one.
[[nodiscard]] ExitCode run_job(const PipelineJob& job, const std::string& name, bool json,
                               const std::string& timeline);

}  // namespace rockmate::cli
