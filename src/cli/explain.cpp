#include "cli/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "cli/block_summary.h"
#include "cli/memory_tables.h"
#include "cli/table.h"

namespace rockmate::cli {
namespace {

constexpr std::size_t kShownOps = 8;

// What an op costs beyond its first run.
struct Repetition {
  OpId op;
  std::size_t runs = 0;
  Seconds extra;
};

std::vector<Repetition> repetitions(const TrainingGraph& graph, const Schedule& schedule) {
  IdVector<OpId, Repetition> by_op(graph.ops().size());
  for (const Action& action : schedule) {
    const auto* compute = std::get_if<Compute>(&action);
    if (!compute) continue;
    Repetition& entry = by_op[compute->op];
    entry.op = compute->op;
    if (entry.runs++ > 0) {
      entry.extra += graph[compute->op].implementations[compute->implementation].seconds;
    }
  }
  std::vector<Repetition> again;
  std::copy_if(by_op.begin(), by_op.end(), std::back_inserter(again),
               [](const Repetition& entry) { return entry.runs > 1; });
  std::stable_sort(again.begin(), again.end(),
                   [](const auto& a, const auto& b) { return a.extra > b.extra; });
  return again;
}

std::string repetitions_table(const TrainingGraph& graph, const Schedule& schedule) {
  const std::vector<Repetition> again = repetitions(graph, schedule);
  if (again.empty()) return "  nothing\n";
  Table table("lrrl");
  Seconds all;
  for (const Repetition& entry : again) all += entry.extra;
  for (std::size_t i = 0; i < std::min(kShownOps, again.size()); ++i) {
    const double share = all > Seconds() ? again[i].extra.count() / all.count() : 0;
    table.row({graph[again[i].op].name, counted(again[i].runs, "run"), to_string(again[i].extra),
               percent(share) + " of the extra time"});
  }
  std::string text = table.text();
  if (again.size() > kShownOps) {
    text += "  and " + counted(again.size() - kShownOps, "cheaper op") + "\n";
  }
  return text;
}

}  // namespace

std::string explain(const TrainingGraph& graph, const Plan& plan) {
  const auto trace = simulate(graph, plan.schedule);
  ROCKMATE_CHECK(trace.has_value(), trace.error().message);
  const PeakMoment moment = peak_moment(graph, plan.schedule, *trace);
  const std::string where =
      moment.op ? fmt::format(", while '{}' runs (action {} of {})", graph[*moment.op].name,
                              *trace->peak_action, plan.schedule.size())
                : std::string(", all of it static");
  std::string text = fmt::format("\nThe peak, {}{}:\n\n{}", to_string(trace->peak), where,
                                 kinds_table(moment, trace->peak));
  if (!moment.made.empty()) {
    text += "\nThe largest values there:\n\n" + values_table(graph, moment, trace->peak);
  }
  text += "\nComputed again:\n\n" + repetitions_table(graph, plan.schedule);
  return text + "\n" + blocks_table(summarize_blocks(graph));
}

}  // namespace rockmate::cli
