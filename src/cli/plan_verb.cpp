// `rockmate plan MODEL --budget SIZE`.

#include <memory>

#include "base/atomic_file.h"
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
#include "rockmate/plan.h"

namespace rockmate::cli {
namespace {

struct PlanFlags {
  ModelFlags model;
  std::string budget;
  PlanningFlags planning;
  std::string plan_out;
  std::string graph_out;
  std::string timeline;
  std::string dot;
  bool explain = false;
  bool json = false;
};

ExitCode run_plan(const PlanFlags& flags) {
  const Budget budget = Budget::parse(flags.budget);
  check_outputs({flags.plan_out, flags.graph_out, flags.timeline, flags.dot}, flags.model.inputs());
  const TrainingGraph graph = load_model(flags.model).graph;
  if (!flags.graph_out.empty()) write_graph(graph, flags.graph_out);
  if (!flags.dot.empty()) {
    write_file_atomically(flags.dot, graph_dot(graph, cut_chain(graph, choose_cuts(graph))));
  }

  std::optional<PlanResult> result;
  run_search(flags.planning,
             [&](const PlanOptions& options) { result = plan(graph, budget, options); });
  if (!*result) {
    const NoPlan& no_plan = result->error();
    flags.json ? print_json(to_json(no_plan)) : print(report(graph, no_plan));
    return kNo;
  }
  const Plan& found = result->value();
  if (!flags.plan_out.empty()) write_plan(found, graph, flags.plan_out);
  if (!flags.timeline.empty()) write_timeline(graph, found, flags.timeline);
  if (flags.json) {
    print_json(to_json(graph, found));
  } else {
    print(report(graph, found));
    if (flags.explain) print(explain(graph, found));
  }
  return kDone;
}

}  // namespace

void add_plan(CLI::App& app, Task& task) {
  CLI::App* verb = app.add_subcommand("plan", "find a plan that fits a memory budget");
  auto flags = std::make_shared<PlanFlags>();
  flags->model.add_to(*verb);
  verb->add_option("--budget", flags->budget,
                   "all bytes of the device: 2GiB, 1500MB, 123456, min, or 60% (static bytes + "
                   "60 % of the plain iteration's others)")
      ->type_name("SIZE")
      ->required();
  flags->planning.add_to(*verb);
  verb->add_option("-o", flags->plan_out, "write the plan, rockmate.plan/1")
      ->type_name("PLAN.json");
  verb->add_option("--graph-out", flags->graph_out, "write the training graph, rockmate.graph/1")
      ->type_name("GRAPH.json");
  verb->add_option("--timeline", flags->timeline, "draw what lies in memory, and when")
      ->type_name("FILE.svg");
  verb->add_option("--dot", flags->dot, "write the graph and its blocks for Graphviz")
      ->type_name("FILE");
  auto* explain = verb->add_flag("--explain", flags->explain,
                                 "say where the bytes are, and what is computed again");
  verb->add_flag("--json", flags->json, "one JSON object instead of text")->excludes(explain);
  verb->footer(
      "Example: rockmate plan models/resnet50.onnx --batch 32 --budget 60% --explain -o plan.json");
  verb->callback([flags, &task] { task = [flags] { return run_plan(*flags); }; });
}

}  // namespace rockmate::cli
