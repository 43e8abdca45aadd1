// `rockmate curve MODEL`: overhead against budget.

#include <fmt/format.h>

#include <memory>

#include "cli/console.h"
#include "cli/drawings.h"
#include "cli/model.h"
#include "cli/output_file.h"
#include "cli/planning_flags.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "cli/whole_number.h"
#include "rockmate/plan.h"

namespace rockmate::cli {
namespace {

struct CurveFlags {
  ModelFlags model;
  std::size_t points = 20;
  PlanningFlags planning;
  std::string svg;
  bool csv = false;
  bool json = false;
};

std::string text_of(const TrainingGraph& graph, const std::vector<Plan>& curve) {
  Table table("rrrrl");
  table.row({"budget", "of plain", "overhead", "at least", ""});
  const auto plain = static_cast<double>(curve.front().needed().count());
  for (const Plan& plan : curve) {
    const double bound = plan.lower_bound.count() / graph.plain_seconds().count() - 1;
    table.row({to_string(plan.needed()),
               percent(plain > 0 ? static_cast<double>(plan.needed().count()) / plain : 1),
               percent(plan.overhead), graph.plain_seconds() > Seconds() ? percent(bound) : "",
               plan.proven_optimal ? "optimal" : ""});
  }
  return fmt::format("{}: overhead against budget, {} of them static\n\n{}", graph.name(),
                     to_string(graph.static_bytes()), table.text());
}

std::string csv_of(const std::vector<Plan>& curve) {
  std::string text =
      "budget_bytes,peak_bytes,seconds,overhead,lower_bound_seconds,proven_optimal\n";
  for (const Plan& plan : curve) {
    text += fmt::format("{},{},{},{},{},{}\n", plan.needed().count(), plan.peak.count(),
                        plan.seconds.count(), plan.overhead, plan.lower_bound.count(),
                        plan.proven_optimal);
  }
  return text;
}

// `peak_bytes` is what the device must give: addresses are part of the promise.
nlohmann::ordered_json json_of(const std::vector<Plan>& curve) {
  nlohmann::ordered_json points = nlohmann::ordered_json::array();
  for (const Plan& plan : curve) {
    points.push_back({{"peak_bytes", plan.needed().count()}, {"overhead", plan.overhead}});
  }
  return {{"points", std::move(points)}};
}

// Where the search was stopped, or reached its limit, before it had a plan.
ExitCode report_no_curve(const CurveFlags& flags, const TrainingGraph& graph) {
  if (flags.json || flags.csv) {
    flags.json ? print_json(json_of({})) : print(csv_of({}));
  } else {
    print(fmt::format("{}: no plan was found; give the search more time or steps\n", graph.name()));
  }
  return kNo;
}

ExitCode run_curve(const CurveFlags& flags) {
  check_outputs({flags.svg}, flags.model.inputs());
  const TrainingGraph graph = load_model(flags.model).graph;
  std::vector<Plan> curve;
  run_search(flags.planning,
             [&](const PlanOptions& options) { curve = plan_curve(graph, flags.points, options); });
  if (curve.empty()) return report_no_curve(flags, graph);
  if (!flags.svg.empty()) write_curve(graph, curve, flags.svg);
  if (flags.json) {
    print_json(json_of(curve));
  } else {
    print(flags.csv ? csv_of(curve) : text_of(graph, curve));
  }
  return kDone;
}

}  // namespace

void add_curve(CLI::App& app, Task& task) {
  CLI::App* verb = app.add_subcommand(
      "curve", "overhead against budget, from the plain iteration to the smallest feasible");
  auto flags = std::make_shared<CurveFlags>();
  flags->model.add_to(*verb);
  flags->model.add_engine_to(*verb);
  verb->add_option("--points", flags->points, "points at most; 0: as many as there are")
      ->type_name("N")
      ->check(whole_number())
      ->capture_default_str();
  flags->planning.add_to(*verb);
  flags->planning.add_no_layout_to(*verb);
  verb->add_option("--svg", flags->svg, "draw the curve")->type_name("FILE.svg");
  auto* csv = verb->add_flag("--csv", flags->csv, "comma-separated values instead of text");
  verb->add_flag("--json", flags->json, "one JSON object instead of text")->excludes(csv);
  verb->footer("Example: rockmate curve graphs/measured/resnet18.json --points 10 --svg curve.svg");
  verb->callback([flags, &task] { task = [flags] { return run_curve(*flags); }; });
}

}  // namespace rockmate::cli
