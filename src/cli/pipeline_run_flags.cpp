#include "cli/pipeline_run_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

#include "base/atomic_file.h"
#include "cli/console.h"
#include "cli/model.h"
#include "cli/pipeline_report.h"
#include "cli/pipeline_run_report.h"
#include "cli/whole_number.h"
#include "pipeline/run/stage_ops.h"
#include "rockmate/executor.h"

namespace rockmate::cli {
namespace {

constexpr std::uint64_t kMostReplicas = 1024;
constexpr std::uint64_t kMostThreads = 4096;

// Where engines differ, what only one of them makes of a model is left out.
TrainingOptions training_options(const PipelineRunFlags& flags, const ModelFlags& model,
                                 const Cluster& cluster) {
  TrainingOptions options = model.training_options(flags.engine, flags.threads);
  const auto is_own = [](const PipelineDevice& device) { return !device.engine.empty(); };
  if (std::ranges::any_of(cluster.devices, is_own)) {
    options.channels_last = options.winograd = options.bf16 = false;
    options.fuse = model.fuse.value_or(false);
  }
  if (!flags.learning_rate) return options;
  if (!std::isfinite(*flags.learning_rate) || *flags.learning_rate < 0) {
    throw InvalidInput(
        fmt::format("--lr: found {}, expected a finite number, 0 or more", *flags.learning_rate));
  }
  options.learning_rate = *flags.learning_rate;
  return options;
}

}  // namespace

void PipelineRunFlags::add_to(CLI::App& verb) {
  constexpr const char* kGroup = "Options for --run";
  verb.add_flag("--run", run, "run it: under mpirun, one rank per device; else on threads");
  verb.add_option("--steps", steps, "iterations, those before a checkpoint counted")
      ->type_name("N")
      ->check(whole_number())
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("--engine", engine, "what runs the ops: reference (plain loops) or cpu (fast)")
      ->type_name("NAME")
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("--threads", threads, "of each rank; 0: all cores; never changes a bit")
      ->check(whole_number(0, kMostThreads))
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("--seed", seed, "of first values, data and dropout")
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("--lr", learning_rate, "learning rate (0.01)")->type_name("X")->group(kGroup);
  verb.add_option("--replicas", replicas, "copies of the pipeline, which share the batch")
      ->type_name("N")
      ->check(whole_number(1, kMostReplicas))
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("--deadline", deadline, "seconds that a rank waits for another")
      ->type_name("X")
      ->capture_default_str()
      ->group(kGroup);
  verb.add_flag("--synchronous", synchronous,
                "a send is done when it is received (shows what hangs without buffers)")
      ->group(kGroup);
  verb.add_option("--data", data,
                  "a folder with INPUT.raw, .npy, .idx or .txt, or one such file; else made up")
      ->type_name("DIR|FILE")
      ->group(kGroup);
  verb.add_flag("--shuffle", shuffle, "the samples of --data in another order in every epoch")
      ->group(kGroup);
  verb.add_option("--checkpoint", checkpoints,
                  "go on from the last complete checkpoint of this folder; write new ones there")
      ->type_name("DIR")
      ->group(kGroup);
  verb.add_option("--checkpoint-every", checkpoint_every, "steps from one to the next")
      ->type_name("N")
      ->check(whole_number(1))
      ->capture_default_str()
      ->group(kGroup);
}

PipelineJob job_of(const PipelineRunFlags& flags, const ModelFlags& model, std::size_t batch,
                   const Cluster& cluster) {
  if (!(flags.deadline > 0) || !std::isfinite(flags.deadline)) {
    throw InvalidInput(
        fmt::format("--deadline: found {}, expected seconds, more than 0", flags.deadline));
  }
  PipelineJob job;
  job.cluster = cluster;
  const TrainingOptions options = training_options(flags, model, cluster);
  job.model_of = [model, options, batch = batch / flags.replicas](std::size_t m) {
    ModelFlags of_micro_batch = model;
    of_micro_batch.batch = std::to_string(batch / m);
    const Graph graph = load_forward_graph(of_micro_batch);
    TrainingModel fused = make_training_model(graph, options);
    if (model.fuse || !has_fused_dropout(fused)) return fused;
    TrainingOptions plain = options;
    plain.fuse = false;
    return make_training_model(graph, plain);
  };
  job.graph_of = [model, options, model_of = job.model_of, threads = flags.threads,
                  batch = batch / flags.replicas](const std::string& engine, std::size_t m) {
    if (engine.empty()) return model_of(m).graph;
    return engine_graph(model, options, engine, threads, static_cast<std::int64_t>(batch / m));
  };
  job.run.engine = flags.engine;
  job.run.threads = flags.threads;
  job.run.seed = flags.seed;
  job.run.replicas = flags.replicas;
  job.run.deadline = Seconds(flags.deadline);
  job.steps = flags.steps;
  job.mode = flags.synchronous ? SendMode::kSynchronous : SendMode::kStandard;
  job.data = flags.data;
  job.shuffle = flags.shuffle;
  job.checkpoints = flags.checkpoints;
  job.checkpoint_every = flags.checkpoint_every;
  return job;
}

ExitCode run_job(const PipelineJob& job, const std::string& name, bool json,
                 const std::string& timeline) {
  const auto outcome = run_pipeline_job(job);
  if (!outcome) return kDone;  // rank 0 speaks
  if (outcome->none) {
    json ? print_json(to_json(*outcome->none)) : print(to_text(*outcome->none));
    return kNo;
  }
  const PipelinePlan& plan = *outcome->plan;
  const PipelineReport planned{plan.pipeline, plan.trace, name, &plan};
  if (!timeline.empty()) write_file_atomically(timeline, run_svg(*outcome, name));
  if (json) {
    nlohmann::ordered_json object = to_json(planned);
    object["run"] = to_json(*outcome);
    print_json(object);
  } else {
    print(fmt::format("{}\n{}", to_text(planned), to_text(*outcome)));
  }
  return kDone;
}

}  // namespace rockmate::cli
