// `rockmate plan MODEL --budget SIZE`.

#include <fmt/format.h>

#include <cstdlib>
#include <memory>

#include "base/atomic_file.h"
#include "bounds/moment_bound.h"
#include "cli/console.h"
#include "cli/drawings.h"
#include "cli/explain.h"
#include "cli/model.h"
#include "cli/output_file.h"
#include "cli/plan_report.h"
#include "cli/planning_flags.h"
#include "cli/verbs.h"
#include "graph/cuts.h"
#include "graph/dot.h"
#include "rockmate/error.h"
#include "rockmate/largest_batch.h"

namespace rockmate::cli {
namespace {

struct PlanFlags {
  ModelFlags model;
  std::string budget;
  std::optional<std::string> max_overhead;
  PlanningFlags planning;
  std::string plan_out;
  std::string graph_out;
  std::string timeline;
  std::string dot;
  std::string lp;
  bool explain = false;
  bool json = false;
};

// "20%" -> 0.2.
double parse_share(const std::string& text) {
  char* end = nullptr;
  const double percents = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || std::string_view(end) != "%" || !(percents >= 0)) {
    throw InvalidInput(
        fmt::format("--max-overhead: found '{}', expected a share of the time such as 20%", text));
  }
  return percents / 100;
}

void write_drawings_of_graph(const PlanFlags& flags, const TrainingGraph& graph) {
  if (!flags.graph_out.empty()) write_graph(graph, flags.graph_out);
  if (!flags.dot.empty()) {
    write_file_atomically(flags.dot, graph_dot(graph, cut_chain(graph, choose_cuts(graph))));
  }
}

ExitCode refuse(const PlanFlags& flags, const TrainingGraph& graph, const NoPlan& no_plan) {
  flags.json ? print_json(to_json(no_plan)) : print(report(graph, no_plan));
  return kNo;
}

void hand_out(const PlanFlags& flags, const TrainingGraph& graph, const Plan& found) {
  if (!flags.plan_out.empty()) write_plan(found, graph, flags.plan_out);
  if (!flags.timeline.empty()) write_timeline(graph, found, flags.timeline);
  if (!flags.json) {
    print(report(graph, found));
    if (const auto card = flags.model.card(flags.model.engine.value_or(""))) {
      print(fmt::format("  costs           modelled on {}, not measured\n", card->name));
    }
    if (flags.explain) print(explain(graph, found));
  }
}

ExitCode plan_one(const PlanFlags& flags, Budget budget) {
  const TrainingGraph graph = load_model(flags.model).graph;
  write_drawings_of_graph(flags, graph);
  std::optional<PlanResult> result;
  run_search(flags.planning,
             [&](const PlanOptions& options) { result = plan(graph, budget, options); });
  const Bytes bytes = *result ? (*result)->budget : result->error().budget;
  if (!flags.lp.empty()) {
    write_file_atomically(flags.lp, to_lp(MomentBounds(graph).program(bytes)));
  }
  if (!*result) return refuse(flags, graph, result->error());
  hand_out(flags, graph, result->value());
  if (flags.json) {
    nlohmann::ordered_json object = to_json(graph, result->value());
    if (const auto card = flags.model.card(flags.model.engine.value_or(""))) {
      object["modelled_device"] = card->name;
    }
    print_json(object);
  }
  return kDone;
}

ExitCode plan_largest(const PlanFlags& flags, Budget budget) {
  if (!budget.bytes()) {
    throw InvalidInput(fmt::format(
        "--budget {} grows with the batch: --batch max needs one in bytes, such as 16GiB",
        flags.budget));
  }
  BatchOptions options;
  if (flags.max_overhead) options.max_overhead = parse_share(*flags.max_overhead);
  const GraphOfBatch graph_of = graphs_by_batch(flags.model);
  std::optional<Expected<LargestBatch, NoBatch>> result;
  run_search(flags.planning, [&](const PlanOptions& plan_options) {
    options.plan = plan_options;
    result = plan_largest_batch(graph_of, *budget.bytes(), options);
  });
  if (!*result) {
    const NoBatch& none = result->error();
    return refuse(flags, none.graph, none.no_plan);
  }
  const LargestBatch& largest = result->value();
  write_drawings_of_graph(flags, largest.graph);
  hand_out(flags, largest.graph, largest.plan);
  flags.json ? print_json(to_json(largest)) : print(report(largest));
  return kDone;
}

ExitCode run_plan(const PlanFlags& flags) {
  const Budget budget = Budget::parse(flags.budget);
  check_outputs({flags.plan_out, flags.graph_out, flags.timeline, flags.dot, flags.lp},
                flags.model.inputs());
  if (flags.model.asks_for_largest_batch()) return plan_largest(flags, budget);
  if (flags.max_overhead) {
    throw InvalidInput(
        "--max-overhead belongs to --batch max: a plan for one batch is the fastest");
  }
  return plan_one(flags, budget);
}

}  // namespace

void add_plan(CLI::App& app, Task& task) {
  CLI::App* verb = app.add_subcommand("plan", "find a plan that fits a memory budget");
  auto flags = std::make_shared<PlanFlags>();
  flags->model.add_to(*verb);
  flags->model.add_engine_to(*verb);
  verb->add_option("--budget", flags->budget,
                   "all bytes of the device: 2GiB, 1500MB, 123456, min, or 60% (static bytes + "
                   "60 % of the plain iteration's others)")
      ->type_name("SIZE")
      ->required();
  verb->add_option("--max-overhead", flags->max_overhead,
                   "with --batch max: plans that cost more time than this do not count")
      ->type_name("SHARE%");
  flags->planning.add_to(*verb);
  flags->planning.add_no_layout_to(*verb);
  verb->add_option("-o", flags->plan_out, "write the plan, rockmate.plan/1")
      ->type_name("PLAN.json");
  verb->add_option("--graph-out", flags->graph_out, "write the training graph, rockmate.graph/1")
      ->type_name("GRAPH.json");
  verb->add_option("--timeline", flags->timeline, "draw what lies in memory, and when")
      ->type_name("FILE.svg");
  verb->add_option("--dot", flags->dot, "write the graph and its blocks for Graphviz")
      ->type_name("FILE");
  verb->add_option("--write-lp", flags->lp, "write the integer program behind the lower bound")
      ->type_name("FILE.lp");
  auto* explain = verb->add_flag("--explain", flags->explain,
                                 "say where the bytes are, and what is computed again");
  verb->add_flag("--json", flags->json, "one JSON object instead of text")->excludes(explain);
  verb->footer(
      "Example: rockmate plan models/resnet50.onnx --batch 32 --budget 60% --explain -o plan.json");
  verb->callback([flags, &task] { task = [flags] { return run_plan(*flags); }; });
}

}  // namespace rockmate::cli
