// `rockmate train MODEL --budget SIZE --steps N`.

#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/model.h"
#include "cli/output_file.h"
#include "cli/plan_report.h"
#include "cli/planning_flags.h"
#include "cli/training_report.h"
#include "cli/verbs.h"
#include "cli/whole_number.h"
#include "rockmate/plan.h"

namespace rockmate::cli {
namespace {

struct TrainFlags {
  ModelFlags model;
  PlanningFlags planning;
  std::string budget;
  std::string plan;
  std::size_t steps = 1;
  std::string engine = "reference";
  std::optional<double> learning_rate;
  std::string data;
  std::string gradients;
  bool compare = false;
  bool guard = false;
  bool json = false;
};

TrainingOptions training_options(const TrainFlags& flags) {
  TrainingOptions options = flags.model.training_options();
  options.workspace = engine_workspace(flags.engine, flags.planning.threads);
  if (!flags.learning_rate) return options;
  if (!std::isfinite(*flags.learning_rate) || *flags.learning_rate < 0) {
    throw InvalidInput(
        fmt::format("--lr: found {}, expected a finite number, 0 or more", *flags.learning_rate));
  }
  options.learning_rate = *flags.learning_rate;
  return options;
}

// A plan that someone made, judged against the budget if there is one. What it states about time
// came from other costs, maybe.
Expected<Plan, Violation> read_and_judge(const TrainFlags& flags, const TrainingGraph& graph,
                                         std::optional<Bytes> budget) {
  std::vector<std::string> warnings;
  auto document = read_plan(flags.plan, graph, &warnings);
  warn(warnings);
  if (!document) return Unexpected{document.error()};
  StatedFigures& stated = document->stated;
  stated.seconds.reset();
  stated.overhead.reset();
  stated.lower_bound.reset();
  const auto trace = judge(graph, *document, budget);
  if (!trace) return Unexpected{trace.error()};
  Plan plan;
  plan.graph = graph.name();
  plan.schedule = std::move(document->schedule);
  plan.layout = std::move(document->layout);
  plan.peak = trace->peak;
  plan.static_bytes = trace->static_bytes;
  plan.seconds = trace->seconds;
  plan.overhead = overhead(graph, trace->seconds);
  plan.planner = std::move(document->planner);
  plan.budget = budget.value_or(stated.budget.value_or(plan.needed()));
  return plan;
}

// The plan, or nothing after a report of why there is none.
std::optional<Plan> plan_of(const TrainFlags& flags, const TrainingGraph& graph) {
  if (flags.plan.empty()) {
    std::optional<PlanResult> result;
    run_search(flags.planning, [&](const PlanOptions& options) {
      result = plan(graph, Budget::parse(flags.budget), options);
    });
    if (*result) return std::move(**result);
    const NoPlan& none = result->error();
    flags.json ? print_json(to_json(none)) : print(report(graph, none));
    return std::nullopt;
  }
  std::optional<Bytes> budget;
  if (!flags.budget.empty()) budget = Budget::parse(flags.budget).on(graph);
  auto judged = read_and_judge(flags, graph, budget);
  if (judged) return *std::move(judged);
  const std::string& message = judged.error().message;
  flags.json ? print_json({{"reason", message}})
             : print(fmt::format("{}: invalid: {}\n", flags.plan, message));
  return std::nullopt;
}

ExitCode run_train(const TrainFlags& flags) {
  if (flags.budget.empty() && flags.plan.empty()) {
    throw InvalidInput("--budget or --plan is needed: how much memory there is, or what to do");
  }
  if (!flags.budget.empty()) static_cast<void>(Budget::parse(flags.budget));
  std::vector<std::string> inputs = flags.model.inputs();
  if (!flags.plan.empty()) inputs.push_back(flags.plan);
  check_outputs({flags.gradients}, inputs);
  const TrainingModel model = load_training_model(flags.model, training_options(flags));
  std::optional<Plan> plan = plan_of(flags, model.graph);
  if (!plan) return kNo;

  const StopOnInterrupt interrupt("stopping after this step");
  const TrainingJob job{
      .model = model,
      .plan = *std::move(plan),
      .options = {flags.engine, flags.planning.threads, flags.planning.seed, flags.guard},
      .steps = flags.steps,
      .data = flags.data,
      .gradients = flags.gradients,
      .compare = flags.compare,
      .stop = interrupt.token()};
  const TrainingOutcome outcome = train(job);
  flags.json ? print_json(to_json(job, outcome)) : print(report(job, outcome));
  return outcome.comparison && !outcome.comparison->same.all() ? kOurMistake : kDone;
}

void add_run_options(CLI::App& verb, TrainFlags& flags) {
  verb.add_option("--steps", flags.steps, "iterations to run")
      ->type_name("N")
      ->check(whole_number())
      ->capture_default_str();
  verb.add_option("--engine", flags.engine,
                  "what runs the ops: reference (plain loops), cpu (fast)")
      ->type_name("NAME")
      ->capture_default_str();
  verb.add_option("--lr", flags.learning_rate, "learning rate (0.01)")->type_name("X");
  verb.add_option("--data", flags.data,
                  "raw data: a folder with INPUT.raw, or one such file; else they are made up")
      ->type_name("DIR|FILE");
  verb.add_option("--dump-gradients", flags.gradients,
                  "write the parameter gradients of the last step, as safetensors")
      ->type_name("FILE");
  verb.add_flag("--compare", flags.compare,
                "run the plain iteration too, in memory of its own, and compare all bits");
  verb.add_flag("--guard", flags.guard,
                "check what each kernel reads and writes (slow; twice the memory)");
}

}  // namespace

void add_train(CLI::App& app, Task& task) {
  CLI::App* verb = app.add_subcommand("train", "train an ONNX model within a memory budget");
  auto flags = std::make_shared<TrainFlags>();
  flags->model.default_device = "cpu";
  flags->model.add_to(*verb);
  verb->add_option("--budget", flags->budget,
                   "all bytes of the training: 2GiB, 1500MB, 123456, min, or 60% (see plan)")
      ->type_name("SIZE");
  verb->add_option("--plan", flags->plan, "run this plan, rockmate.plan/1, instead of a new one")
      ->type_name("PLAN.json");
  add_run_options(*verb, *flags);
  flags->planning.add_to(*verb);
  verb->get_option("--seed")->description("of first values, data, dropout, and the search");
  verb->get_option("--threads")->description("0: all cores; never changes a bit");
  verb->add_flag("--json", flags->json, "one JSON object instead of text");
  verb->footer("Example: rockmate train models/mobilenet_v2.onnx --batch 1 --budget 70% --compare");
  verb->callback([flags, &task] { task = [flags] { return run_train(*flags); }; });
}

}  // namespace rockmate::cli
