// `rockmate train MODEL --budget SIZE --steps N`.

#include <fmt/format.h>

#include <map>
#include <memory>

#include "base/atomic_file.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/loss_svg.h"
#include "cli/measured_costs.h"
#include "cli/model.h"
#include "cli/output_file.h"
#include "cli/plan_report.h"
#include "cli/train_flags.h"
#include "cli/training_report.h"
#include "cli/verbs.h"
#include "rockmate/plan.h"

namespace rockmate::cli {
namespace {

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

// The engine that was named; else cpu, but for a plan of the iteration as no engine changes it.
std::string engine_of(const TrainFlags& flags, const Graph& graph) {
  if (flags.engine) return *flags.engine;
  const std::string fast = "cpu";
  if (flags.plan.empty()) return fast;
  std::optional<std::string> readable;
  for (const std::string& engine : {fast, std::string("reference")}) {
    const TrainingGraph iteration = make_training_graph(graph, flags.training_options(engine));
    const auto document = read_plan(flags.plan, iteration);
    if (!document) continue;
    if (judge(iteration, *document)) return engine;
    if (!readable) readable = engine;
  }
  return readable.value_or(fast);
}

// The plan, or nothing after a report of why there is none.
std::optional<Plan> plan_of(const TrainFlags& flags, const TrainingGraph& graph,
                            const std::string& engine) {
  if (flags.plan.empty()) {
    std::optional<PlanResult> result;
    run_search(flags.planning, [&](const PlanOptions& options) {
      result = plan(graph, Budget::parse(flags.budget), options);
    });
    if (*result) return std::move(**result);
    const NoPlan& none = result->error();
    if (flags.json) {
      print_json(to_json(none));
      return std::nullopt;
    }
    print(report(graph, none));
    if (engine == "cpu" && !flags.model.direct && !flags.model.bf16) {
      print("  hint            --direct needs less workspace for convolutions\n");
    }
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

// The bytes of one memory in which a plan for `evaluation` runs by turns with the training, if the
// budget holds them.
Bytes bytes_with(const TrainingGraph& evaluation, const Plan& training) {
  const Bytes sources = evaluation.static_bytes();
  const auto found = plan(evaluation, training.budget - training.static_bytes + sources,
                          {.work_limit = kEvaluationWork});
  return found ? found->needed() - sources + training.static_bytes : training.needed();
}

// The model's file with what the executor holds: its sources, but for data and optimizer states.
void export_trained(const TrainFlags& flags, const Executor& executor) {
  const TrainingModel& model = executor.model();
  std::map<std::string_view, TrainedTensor> trained;
  for (const Source& source : model.sources) {
    const Value& value = model.graph[source.value];
    if (value.kind != ValueKind::kParameter && value.kind != ValueKind::kStatistics) continue;
    trained[value.name] = {model.types[source.value], executor.bytes(value.name)};
  }
  const auto find = [&](std::string_view name) -> std::optional<TrainedTensor> {
    const auto found = trained.find(name);
    return found == trained.end() ? std::nullopt : std::optional(found->second);
  };
  export_onnx(flags.model.model, find, flags.trained);
}

void write_losses(const TrainingJob& job, const TrainingOutcome& outcome,
                  const std::filesystem::path& file) {
  if (outcome.steps.empty()) return;
  std::vector<LossSeries> series;
  if (outcome.comparison) {
    series.push_back({fmt::format("plain iteration, {}", to_string(outcome.comparison->bytes)),
                      outcome.comparison->losses});
  }
  series.push_back({fmt::format("within {}", to_string(outcome.planned)), {}});
  for (const StepReport& step : outcome.steps) series.back().losses.push_back(step.loss);
  write_file_atomically(
      file, loss_svg(fmt::format("{}: loss", job.plan.graph), outcome.steps.front().step, series));
}

ExitCode run_train(const TrainFlags& flags) {
  if (flags.budget.empty() && flags.plan.empty()) {
    throw InvalidInput("--budget or --plan is needed: how much memory there is, or what to do");
  }
  if (!flags.budget.empty()) static_cast<void>(Budget::parse(flags.budget));
  flags.check();
  check_outputs(flags.outputs(), flags.inputs());
  const Graph graph = flags.load_graph();
  const std::string engine = engine_of(flags, graph);
  TrainingOptions options = flags.training_options(engine);
  const std::optional<VectorDevice> device = flags.model.card(engine);
  if (!device && flags.offload) throw InvalidInput("--offload belongs to --engine vector");
  flags.model.use_modelled_costs(device, graph, options);
  std::optional<TrainingModel> evaluation;
  if (!flags.held_out.empty()) evaluation = make_evaluation_model(graph, options);
  TrainingModel model = make_training_model(graph, options);
  if (!device && flags.measures()) {
    options.costs =
        measure_costs(model, {engine, flags.planning.threads, cache_folder(flags.planning.cache)});
    model = make_training_model(graph, options);
  }
  std::optional<Plan> plan = plan_of(flags, model.graph, engine);
  if (!plan) return kNo;
  std::optional<ModelledStep> modelled;
  if (device) modelled = modelled_step(flags, *device, model, *plan);

  const StopOnInterrupt interrupt(flags.save.empty() ? "stopping after this step"
                                                     : "saving after this step");
  TrainingJob job{.model = model, .plan = *std::move(plan)};
  job.options = {flags.model.on_card(engine), flags.planning.threads, flags.planning.seed,
                 flags.guard, flags.time_ops};
  if (evaluation) job.options.at_least = bytes_with(evaluation->graph, job.plan);
  job.costs = options.costs;
  job.steps = flags.steps;
  job.rate = flags.rate_schedule();
  job.data.path = flags.data;
  job.data.shuffle = flags.shuffle;
  job.data.seed = flags.planning.seed;
  job.evaluation = evaluation ? &*evaluation : nullptr;
  job.held_out = flags.held_out;
  job.evaluate_every = flags.evaluate_every;
  job.resume = flags.resume;
  job.save = flags.save;
  job.save_every = flags.save_every;
  job.gradients = flags.gradients;
  job.compare = flags.compare;
  job.modelled = modelled;
  job.stop = interrupt.token();
  if (!flags.trained.empty()) {
    job.finish = [&](const Executor& executor) { export_trained(flags, executor); };
  }
  const TrainingOutcome outcome = train(job);
  if (!flags.picture.empty()) write_losses(job, outcome, flags.picture);
  flags.json ? print_json(to_json(job, outcome)) : print(report(job, outcome));
  return outcome.comparison && !outcome.comparison->same.all() ? kOurMistake : kDone;
}

}  // namespace

void add_train(CLI::App& app, Task& task) {
  CLI::App* verb = app.add_subcommand("train", "train an ONNX model within a memory budget");
  auto flags = std::make_shared<TrainFlags>();
  flags->add_to(*verb);
  verb->footer("Example: rockmate train models/mobilenet_v2.onnx --batch 1 --budget 70% --compare");
  verb->callback([flags, &task] { task = [flags] { return run_train(*flags); }; });
}

}  // namespace rockmate::cli
