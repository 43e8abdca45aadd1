// `rockmate run MODEL --input FILE`: uses a network instead of training it.

#include <fmt/format.h>

#include <memory>

#include "cli/console.h"
#include "cli/inference_report.h"
#include "cli/interrupt.h"
#include "cli/model.h"
#include "cli/npy_file.h"
#include "cli/output_file.h"
#include "cli/plan_report.h"
#include "cli/verbs.h"
#include "cli/whole_number.h"
#include "rockmate/executor.h"
#include "rockmate/plan.h"

namespace rockmate::cli {
namespace {

struct RunFlags {
  ModelFlags model;
  std::vector<std::string> inputs;
  std::string output;
  std::string weights;
  std::string engine = "cpu";
  std::string budget;
  int threads = 0;
  std::uint64_t seed = 0;
  std::size_t repeat = 1;
  bool time_ops = false;
  bool json = false;
};

// Enough to find the few plans of a forward pass; a pass is short, and so is the wait for it.
constexpr std::uint64_t kWork = 200;

// Without a budget: the smallest memory, in tenths of what the plain order takes, in which nothing
// is computed twice.
PlanResult plan_for(const RunFlags& flags, const TrainingGraph& graph) {
  const PlanOptions options{.threads = flags.threads, .work_limit = kWork};
  if (!flags.budget.empty()) return plan(graph, Budget::parse(flags.budget), options);
  for (int tenths = 1; tenths < 10; ++tenths) {
    PlanResult found = plan(graph, Budget::parse(fmt::format("{}%", 10 * tenths)), options);
    if (found && found->overhead <= 0) return found;
  }
  return plan(graph, Budget::parse("100%"), options);
}

struct PlannedModel {
  TrainingModel model;
  PlanResult plan;
};

// Packed parameters may take more bytes than those that they are made of: where they do not fit, or
// as few bytes as can be are wanted, nothing is packed.
PlannedModel planned_model(const RunFlags& flags) {
  TrainingOptions options = flags.model.training_options(flags.engine, flags.threads);
  const Graph graph = load_forward_graph(flags.model);
  const bool is_least = !flags.budget.empty() && Budget::parse(flags.budget).is_minimum();
  if (!is_least) {
    TrainingModel model = make_inference_model(graph, options);
    PlanResult plan = plan_for(flags, model.graph);
    if (plan || model.load == nullptr) return {std::move(model), std::move(plan)};
  }
  options.packings = nullptr;
  TrainingModel model = make_inference_model(graph, options);
  PlanResult plan = plan_for(flags, model.graph);
  return {std::move(model), std::move(plan)};
}

ExitCode run_run(const RunFlags& flags) {
  if (!flags.budget.empty()) static_cast<void>(Budget::parse(flags.budget));
  std::vector<std::string> files = flags.model.inputs();
  files.push_back(flags.weights);
  check_outputs({flags.output}, files);
  const auto [model, plan] = planned_model(flags);
  if (!plan) {
    const NoPlan& none = plan.error();
    flags.json ? print_json(to_json(none)) : print(report(model.graph, none));
    return kNo;
  }

  const StopOnInterrupt interrupt("stopping after this run");
  InferenceJob job{.model = model, .plan = *plan};
  job.options = {flags.engine, flags.threads, flags.seed, false, flags.time_ops};
  job.weights = flags.weights;
  job.inputs = flags.inputs;
  job.repeat = flags.repeat;
  job.stop = interrupt.token();
  const InferenceOutcome outcome = infer(job);
  const bool is_whole = !interrupt.interrupted();
  if (!flags.output.empty() && is_whole) {
    const InferenceOutput& first = outcome.outputs.front();
    write_npy(flags.output, first.type, first.bytes);
  }
  flags.json ? print_json(to_json(job, outcome)) : print(report(job, outcome));
  return is_whole ? kDone : kNo;
}

void add_options(CLI::App& verb, RunFlags& flags) {
  flags.model.default_device = "cpu";
  flags.model.loss = "none";
  flags.model.add_to(verb);
  for (const char* option : {"--optimizer", "--loss", "--costs", "--device"}) {
    verb.remove_option(verb.get_option(option));
  }
  flags.model.add_algorithms_to(verb);
  verb.add_option(
          "--input", flags.inputs,
          "samples: .npy, .idx or .raw; of a model with several inputs, INPUT=FILE for each "
          "(made up)")
      ->type_name("FILE")
      ->allow_extra_args(false);
  verb.add_option("--output", flags.output, "write the first output of all samples")
      ->type_name("FILE.npy");
  verb.add_option("--weights", flags.weights, "a checkpoint that `train --save` wrote")
      ->type_name("FILE");
  verb.add_option("--engine", flags.engine,
                  "what runs the ops: reference (plain loops), cpu (fast), vector (emulated Vector "
                  "Engine)")
      ->type_name("NAME")
      ->capture_default_str();
  verb.add_option("--budget", flags.budget,
                  "all bytes: 2GiB, 1500MB, 123456, min, or 60% (as few as compute nothing twice)")
      ->type_name("SIZE");
  verb.add_option("--repeat", flags.repeat, "runs of each batch, of which the median is told")
      ->type_name("N")
      ->check(whole_number(1, 1'000'000))
      ->capture_default_str();
  verb.add_option("--threads", flags.threads, "0: all cores; never changes a bit")
      ->type_name("N")
      ->check(whole_number(0, 4096));
  verb.add_option("--seed", flags.seed, "of made-up weights and data")
      ->type_name("N")
      ->check(whole_number());
  verb.add_flag("--time-ops", flags.time_ops, "time every run of an op");
  verb.add_flag("--json", flags.json, "one JSON object instead of text");
}

}  // namespace

void add_run(CLI::App& app, Task& task) {
  CLI::App* verb = app.add_subcommand("run", "use an ONNX model: forward only, in planned memory");
  auto flags = std::make_shared<RunFlags>();
  add_options(*verb, *flags);
  verb->footer("Example: rockmate run models/mobilenet_v2.onnx --repeat 3");
  verb->callback([flags, &task] { task = [flags] { return run_run(*flags); }; });
}

}  // namespace rockmate::cli
