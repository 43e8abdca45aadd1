// `rockmate verify GRAPH.json PLAN.json`: judges a plan that anyone made.

#include <fmt/format.h>

#include <memory>

#include "cli/console.h"
#include "cli/model.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "rockmate/plan.h"

namespace rockmate::cli {
namespace {

struct VerifyFlags {
  std::string graph;
  std::string plan;
  std::string budget;
  bool json = false;
};

std::optional<Bytes> budget_of(const VerifyFlags& flags, const TrainingGraph& graph) {
  if (flags.budget.empty()) return std::nullopt;
  const Budget budget = Budget::parse(flags.budget);
  if (budget.is_minimum()) {
    throw InvalidInput("--budget: found min, expected a size or a share to hold the plan against");
  }
  return budget.on(graph);
}

ExitCode report_invalid(const VerifyFlags& flags, const Violation& violation) {
  if (flags.json) {
    nlohmann::ordered_json object = {{"valid", false}, {"violation", violation.message}};
    object["action"] = nullptr;
    if (violation.action) object["action"] = *violation.action;
    print_json(object);
  } else {
    print(fmt::format("invalid: {}\n", violation.message));
  }
  return kNo;
}

double overhead_of(const TrainingGraph& graph, Seconds seconds) {
  const Seconds plain = graph.plain_seconds();
  return plain > Seconds() ? seconds.count() / plain.count() - 1 : 0;
}

ExitCode report_valid(const VerifyFlags& flags, const TrainingGraph& graph,
                      const PlanDocument& plan, const MemoryTrace& trace) {
  const double overhead = overhead_of(graph, trace.seconds);
  if (flags.json) {
    nlohmann::ordered_json object = {{"valid", true},
                                     {"peak_bytes", trace.peak.count()},
                                     {"static_bytes", trace.static_bytes.count()}};
    object["arena_bytes"] = nullptr;
    if (plan.layout) object["arena_bytes"] = plan.layout->arena_bytes.count();
    object["seconds"] = trace.seconds.count();
    object["overhead"] = overhead;
    object["recomputations"] = trace.recomputations;
    print_json(object);
    return kDone;
  }
  Table table("lrl");
  table.row({"peak", to_string(trace.peak), fmt::format("{} bytes", trace.peak.count())});
  table.row({"  static", to_string(trace.static_bytes)});
  if (plan.layout) table.row({"arena", to_string(plan.layout->arena_bytes)});
  table.row({"time", to_string(trace.seconds)});
  table.row({"overhead", percent(overhead), counted(trace.recomputations, "recomputation")});
  print("valid\n\n" + table.text());
  return kDone;
}

ExitCode run_verify(const VerifyFlags& flags) {
  const TrainingGraph graph = load_graph(flags.graph);
  const std::optional<Bytes> budget = budget_of(flags, graph);
  std::vector<std::string> warnings;
  const auto plan = read_plan(flags.plan, graph, &warnings);
  warn(warnings);
  if (!plan) return report_invalid(flags, plan.error());
  const auto trace = judge(graph, *plan, budget);
  return trace ? report_valid(flags, graph, *plan, *trace) : report_invalid(flags, trace.error());
}

}  // namespace

void add_verify(CLI::App& app, Task& task) {
  CLI::App* verb = app.add_subcommand("verify", "judge a plan: is it valid, does it fit?");
  auto flags = std::make_shared<VerifyFlags>();
  verb->add_option("GRAPH", flags->graph, "the training graph, rockmate.graph/1")->required();
  verb->add_option("PLAN", flags->plan, "the plan, rockmate.plan/1")->required();
  verb->add_option("--budget", flags->budget, "instead of the budget that the plan states")
      ->type_name("SIZE");
  verb->add_flag("--json", flags->json, "one JSON object instead of text");
  verb->footer("Example: rockmate verify graphs/measured/gpt2_8l.json plan.json --budget 150MiB");
  verb->callback([flags, &task] { task = [flags] { return run_verify(*flags); }; });
}

}  // namespace rockmate::cli
