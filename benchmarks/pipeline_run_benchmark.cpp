// How far is the time of a real step from that of the simulator with the seconds that the actions
// really took?
//
//   mpirun --bind-to none -n 2 pipeline_run_benchmark resnet18.onnx --batch 8 --micro-batches 4
//
// One rank per device, one thread each; without mpirun the ranks are threads. The table is
// Markdown: medians over the steps.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "rockmate/executor.h"
#include "rockmate/onnx.h"
#include "rockmate/pipeline_run.h"

namespace rockmate {
namespace {

struct Flags {
  std::vector<std::string> models;
  std::size_t ranks = 2;
  std::int64_t batch = 8;
  std::size_t micro_batches = 4;
  std::size_t steps = 5;
  std::string engine = "reference";
};

constexpr PipelineFamily kFamilies[] = {
    PipelineFamily::kGPipe, PipelineFamily::kOneForwardOneBackward, PipelineFamily::kInterleaved,
    PipelineFamily::kZeroBubbleH1};

TrainingModel load(const std::string& file, const Flags& flags) {
  OnnxOptions import;
  import.batch = flags.batch / static_cast<std::int64_t>(flags.micro_batches);
  import.weights = true;
  TrainingOptions options;
  options.costs = CostModel::analytic("cpu");
  options.workspace = engine_workspace(flags.engine, 1);
  return make_training_model(import_onnx(file, import), options);
}

Seconds median_makespan(const std::vector<PipelineStep>& steps) {
  std::vector<Seconds> times;
  for (const PipelineStep& step : steps) times.push_back(step.makespan);
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

// The steps of all ranks at rank 0, after one that warms up.
std::vector<PipelineStep> run(const TrainingModel& model, const Pipeline& pipeline,
                              Transport& transport, const Flags& flags) {
  PipelineRunOptions options;
  options.engine = flags.engine;
  PipelineRank rank(model, pipeline, transport, options);
  std::vector<PipelineStep> steps;
  for (std::size_t s = 0; s <= flags.steps; ++s) {
    const RankStep own = rank.step();
    auto all = gather_step(transport, pipeline.rows.size(), own, options.deadline);
    if (all && s > 0) steps.push_back(*std::move(all));
  }
  return steps;
}

std::vector<PipelineStep> run_on_threads(const TrainingModel& model, const Pipeline& pipeline,
                                         const Flags& flags) {
  const auto transports = make_local_transports(flags.ranks);
  std::vector<std::thread> threads;
  for (std::size_t r = 1; r < flags.ranks; ++r) {
    threads.emplace_back(
        [&, r] { static_cast<void>(run(model, pipeline, *transports[r], flags)); });
  }
  auto steps = run(model, pipeline, *transports.front(), flags);
  for (std::thread& thread : threads) thread.join();
  return steps;
}

void measure(const Flags& flags) {
  const auto mpi = runs_under_mpi() ? make_mpi_transport() : nullptr;
  const bool speaks = !mpi || mpi->rank() == 0;
  if (speaks) {
    fmt::print("| model | schedule | measured | simulated | measured / simulated |\n");
    fmt::print("|---|---|---|---|---|\n");
  }
  Cluster cluster;
  cluster.devices.resize(flags.ranks);
  for (const std::string& file : flags.models) {
    const TrainingModel model = load(file, flags);
    for (const PipelineFamily family : kFamilies) {
      const auto plan =
          plan_pipeline(model.graph, flags.micro_batches, cluster, {.family = family});
      if (!plan) continue;
      const auto steps = mpi ? run(model, plan->pipeline, *mpi, flags)
                             : run_on_threads(model, plan->pipeline, flags);
      if (!speaks) continue;
      const auto simulated = simulate(with_measured_seconds(plan->pipeline, steps));
      const Seconds measured = median_makespan(steps);
      fmt::print("| {} | {} | {} | {} | {:.3f} |\n", std::filesystem::path(file).stem().string(),
                 to_string(family), to_string(measured), to_string(simulated->makespan),
                 measured.count() / simulated->makespan.count());
      std::fflush(stdout);
    }
  }
}

}  // namespace
}  // namespace rockmate

int main(int argc, char** argv) {
  rockmate::Flags flags;
  CLI::App app("How far real pipelines are from simulated ones.");
  app.add_option("MODEL", flags.models, "ONNX models")->required();
  app.add_option("--ranks", flags.ranks)->capture_default_str();
  app.add_option("--batch", flags.batch)->capture_default_str();
  app.add_option("--micro-batches", flags.micro_batches)->capture_default_str();
  app.add_option("--steps", flags.steps)->capture_default_str();
  app.add_option("--engine", flags.engine)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  rockmate::measure(flags);
}
