// `rockmate pipeline MODEL --devices SPEC`, and `rockmate pipeline PIPELINE.json`: plans, or runs
// in the simulator, one iteration on several devices.

#include <fmt/format.h>

#include <memory>

#include "base/atomic_file.h"
#include "base/input_file.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/model.h"
#include "cli/output_file.h"
#include "cli/pipeline_report.h"
#include "cli/pipeline_run_flags.h"
#include "cli/planning_flags.h"
#include "cli/progress_line.h"
#include "cli/verbs.h"
#include "cli/whole_number.h"
#include "rockmate/pipeline.h"

namespace rockmate::cli {
namespace {

constexpr std::uint64_t kMostMicroBatches = 4096;
constexpr std::uint64_t kMostCandidates = 100'000;
// Where no number of micro-batches is given: from as many as there are devices to so many times as
// many.
constexpr std::size_t kMostPerDevice = 16;
// As far as the format of a file is looked for.
constexpr std::size_t kHead = 200;

struct PipelineFlags {
  ModelFlags model;
  std::string devices;
  std::optional<std::size_t> micro_batches;
  std::string schedule = "best";
  std::string method = "coplan";
  std::size_t max_blocks = PipelineOptions().max_blocks;
  std::size_t candidates = PipelineOptions().candidates;
  std::string solver;
  std::string cache;
  std::string out;
  std::string timeline;
  PipelineRunFlags run;
  bool json = false;
};

void hand_out(const PipelineFlags& flags, const PipelineReport& report) {
  if (!flags.out.empty()) write_file_atomically(flags.out, pipeline_to_json(report.pipeline));
  if (!flags.timeline.empty()) {
    write_file_atomically(flags.timeline, pipeline_svg(report.pipeline, report.trace, report.name));
  }
  flags.json ? print_json(to_json(report)) : print(to_text(report));
}

bool is_pipeline_file(const std::string& file) {
  if (!file.ends_with(".json")) return false;
  const std::string text = read_file(file, kLargestFile);
  return std::string_view(text).substr(0, kHead).find("rockmate.pipeline/1") != std::string::npos;
}

ExitCode report_broken(const PipelineFlags& flags, const Violation& violation) {
  if (flags.json) {
    print_json({{"valid", false}, {"violation", violation.message}});
  } else {
    print(fmt::format("invalid: {}\n", violation.message));
  }
  return kNo;
}

ExitCode simulate_file(const PipelineFlags& flags) {
  if (!flags.devices.empty() || flags.micro_batches) {
    throw InvalidInput(fmt::format(
        "{}: is a pipeline with devices and micro-batches of its own; leave out --devices and "
        "--micro-batches",
        flags.model.model));
  }
  flags.model.refuse_onnx_options();
  std::vector<std::string> warnings;
  const Pipeline pipeline = read_pipeline(flags.model.model, &warnings);
  warn(warnings);
  const auto trace = simulate(pipeline);
  if (!trace) return report_broken(flags, trace.error());
  hand_out(flags, {pipeline, *trace, flags.model.model});
  const auto beyond = check_memory(pipeline, *trace);
  if (!beyond) return kDone;
  warn(beyond->message);
  return kNo;
}

PipelineOptions options_of(const PipelineFlags& flags) {
  PipelineOptions options;
  options.method = parse_pipeline_method(flags.method);
  if (flags.schedule != "best") options.family = parse_pipeline_family(flags.schedule);
  options.max_blocks = flags.max_blocks;
  options.candidates = flags.candidates;
  if (!flags.solver.empty()) options.solver = parse_solver(flags.solver);
  const std::filesystem::path cache = cache_folder(flags.cache);
  if (!cache.empty()) options.cache = cache;
  return options;
}

// The numbers into which the batch can be cut.
std::vector<std::size_t> numbers_of_micro_batches(std::size_t batch, std::size_t devices) {
  std::vector<std::size_t> numbers;
  for (std::size_t m = std::min(devices, batch); m <= kMostPerDevice * devices && m <= batch; ++m) {
    if (batch % m == 0) numbers.push_back(m);
  }
  return numbers.empty() ? std::vector<std::size_t>{batch} : numbers;
}

// The samples of one iteration.
std::size_t batch_of(const PipelineFlags& flags) {
  if (!flags.model.batch) {
    throw InvalidInput(
        "--batch is needed: the samples of one iteration, which micro-batches share");
  }
  if (flags.model.asks_for_largest_batch()) {
    throw InvalidInput("--batch max: only `rockmate plan` looks for the largest batch");
  }
  return std::stoull(*flags.model.batch);
}

// Those of each replica that may be tried.
std::vector<std::size_t> micro_batches_of(const PipelineFlags& flags, std::size_t batch,
                                          const Cluster& cluster) {
  const std::size_t replicas = flags.run.replicas;
  const std::size_t m = flags.micro_batches.value_or(1);
  if (batch % (m * replicas) != 0) {
    const std::string of = replicas == 1 ? "" : fmt::format(" in {} replicas", replicas);
    throw InvalidInput(
        fmt::format("--micro-batches {}{}: does not divide the batch of {}; micro-batches are "
                    "equal",
                    m, of, batch));
  }
  return flags.micro_batches ? std::vector{m}
                             : numbers_of_micro_batches(batch / replicas, cluster.devices.size());
}

Expected<PipelinePlan, NoPipeline> plan_onnx(const PipelineFlags& flags, const Cluster& cluster,
                                             const PipelineOptions& options) {
  const std::size_t batch = batch_of(flags);
  const auto numbers = micro_batches_of(flags, batch, cluster);
  const TrainingOptions training = flags.model.training_options();
  return plan_pipeline(
      [&](const std::string& engine, std::size_t number) {
        return engine_graph(flags.model, training, engine, flags.run.threads,
                            static_cast<std::int64_t>(batch / number));
      },
      numbers, cluster, options);
}

ExitCode run_onnx(const PipelineFlags& flags, const Cluster& cluster) {
  if (!flags.model.is_onnx()) {
    throw InvalidInput(flags.model.model +
                       ": is no ONNX model; a training graph says what its ops cost, not what they "
                       "compute, so that only an .onnx model can be run");
  }
  const std::size_t batch = batch_of(flags);
  PipelineJob job = job_of(flags.run, flags.model, batch, cluster);
  job.micro_batches = micro_batches_of(flags, batch, cluster);
  job.planning = options_of(flags);
  job.run.max_blocks = flags.max_blocks;
  return run_job(job, flags.model.model, flags.json, flags.timeline);
}

Expected<PipelinePlan, NoPipeline> plan_graph(const PipelineFlags& flags, const Cluster& cluster,
                                              const PipelineOptions& options) {
  if (!flags.micro_batches) {
    throw InvalidInput(
        "--micro-batches is needed: a training graph stands for one of them, as often as you say");
  }
  const TrainingGraph graph = load_model(flags.model).graph;
  return plan_pipeline(graph, *flags.micro_batches, cluster, options);
}

Expected<PipelinePlan, NoPipeline> plan_model(const PipelineFlags& flags, const Cluster& cluster) {
  StopOnInterrupt interrupt("stopping with the best pipeline so far");
  ProgressLine line;
  PipelineOptions options = options_of(flags);
  options.stop = interrupt.token();
  options.progress = [&line](const std::string& text) { line.show(text); };
  return flags.model.is_onnx() ? plan_onnx(flags, cluster, options)
                               : plan_graph(flags, cluster, options);
}

ExitCode run_pipeline(const PipelineFlags& flags) {
  check_outputs({flags.out, flags.timeline}, flags.model.inputs());
  if (is_pipeline_file(flags.model.model)) {
    if (!flags.run.run) return simulate_file(flags);
    throw InvalidInput(flags.model.model +
                       ": is a pipeline, which does not say what its stages compute; only an .onnx "
                       "model can be run");
  }
  if (flags.devices.empty()) {
    throw InvalidInput("--devices is needed to plan a pipeline: 4x16GiB@12GB/s, or a .json file");
  }
  const Cluster cluster = Cluster::parse(flags.devices);
  static_cast<void>(options_of(flags));  // before a model is read
  if (flags.run.run) return run_onnx(flags, cluster);
  const auto plan = plan_model(flags, cluster);
  if (!plan) {
    flags.json ? print_json(to_json(plan.error())) : print(to_text(plan.error()));
    return kNo;
  }
  hand_out(flags, {plan->pipeline, plan->trace, flags.model.model, &*plan});
  return kDone;
}

}  // namespace

void add_pipeline(CLI::App& app, Task& task) {
  CLI::App* verb = app.add_subcommand(
      "pipeline", "cut a network into stages for several devices, schedule micro-batches");
  auto flags = std::make_shared<PipelineFlags>();
  flags->model.add_to(*verb);
  verb->get_option("MODEL")->description(
      "a forward model (.onnx), the training graph of one micro-batch, rockmate.graph/1 (.json), "
      "or "
      "a pipeline to simulate, rockmate.pipeline/1 (.json)");
  verb->add_option(
          "--devices", flags->devices,
          "4x16GiB, 4x16GiB@12GB/s, 2x16GiB,2x8GiB@12GB/s, 2x8GiB,1xve20b (cards of the engine "
          "vector), or a file with devices and links")
      ->type_name("SPEC");
  verb->add_option("--micro-batches", flags->micro_batches,
                   "per iteration (of an ONNX model: what is fastest)")
      ->type_name("M")
      ->check(whole_number(1, kMostMicroBatches));
  verb->add_option("--schedule", flags->schedule, "gpipe, 1f1b, interleaved, zb-h1 or best")
      ->type_name("NAME")
      ->capture_default_str();
  verb->add_option("--method", flags->method,
                   "coplan; or, for gpipe, direct or global: how the stages forget")
      ->type_name("NAME")
      ->capture_default_str();
  verb->add_option("--max-blocks", flags->max_blocks, "blocks to cut between, at most")
      ->type_name("N")
      ->check(whole_number(1, 1000))
      ->capture_default_str();
  verb->add_option("--candidates", flags->candidates,
                   "strategies of a block, at most; 0: kept or run again as a whole")
      ->type_name("N")
      ->check(whole_number(0, kMostCandidates))
      ->capture_default_str();
  verb->add_option("--solver", flags->solver, "cbc or glpk, for strategies of blocks")
      ->type_name("NAME");
  verb->add_option("--cache", flags->cache,
                   "where strategies of blocks are kept, or 'none' (default: ~/.cache/rockmate)")
      ->type_name("DIR");
  verb->add_option("-o", flags->out, "write the pipeline, rockmate.pipeline/1")
      ->type_name("PIPELINE.json");
  verb->add_option("--timeline", flags->timeline, "draw ranks over time")->type_name("FILE.svg");
  flags->run.add_to(*verb);
  verb->add_flag("--json", flags->json, "one JSON object instead of text");
  verb->footer(
      "Example: rockmate pipeline models/gpt2_small.onnx --batch 16 --devices 4x4GiB@12GB/s "
      "--timeline pipeline.svg");
  verb->callback([flags, &task] { task = [flags] { return run_pipeline(*flags); }; });
}

}  // namespace rockmate::cli
