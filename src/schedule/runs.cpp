#include "schedule/runs.h"

#include <algorithm>

namespace rockmate {
namespace {

constexpr std::size_t kNever = static_cast<std::size_t>(-1);

// For each run, walking backwards: is the next event of a value a use (then it must live on) or a
// production (then it may die), or the end?
class Demand {
 public:
  explicit Demand(const TrainingGraph& graph) : graph_(graph), wanted_(graph.values().size()) {
    for (const ValueId v : graph.results()) wanted_[v] = true;
  }
  [[nodiscard]] bool wants(ValueId v) const { return wanted_[v] != 0; }
  [[nodiscard]] bool wants_any_output(OpId op) const {
    const auto& outputs = graph_[op].outputs;
    return std::any_of(outputs.begin(), outputs.end(), [&](ValueId v) { return wants(v); });
  }
  /// Steps backwards over a run that is kept.
  void step_over(OpId op) {
    for (const ValueId v : graph_[op].outputs) wanted_[v] = false;
    for (const ValueId v : graph_[op].needs) wanted_[v] = true;
  }

 private:
  const TrainingGraph& graph_;
  IdVector<ValueId, char> wanted_;
};

}  // namespace

Runs program_order(const TrainingGraph& graph) {
  Runs runs;
  runs.reserve(graph.ops().size());
  for (std::size_t o = 0; o < graph.ops().size(); ++o) runs.push_back({OpId(o)});
  return runs;
}

Runs without_idle_runs(const TrainingGraph& graph, const Runs& runs) {
  IdVector<OpId, std::size_t> first(graph.ops().size(), kNever);
  for (std::size_t i = runs.size(); i-- > 0;) first[runs[i].op] = i;
  Demand demand(graph);
  Runs kept;
  for (std::size_t i = runs.size(); i-- > 0;) {
    if (first[runs[i].op] != i && !demand.wants_any_output(runs[i].op)) continue;
    demand.step_over(runs[i].op);
    kept.push_back(runs[i]);
  }
  std::reverse(kept.begin(), kept.end());
  return kept;
}

Schedule schedule_from_runs(const TrainingGraph& graph, const Runs& runs) {
  // Backwards: what each run skips, and what dies right after it.
  std::vector<std::vector<ValueId>> skipped(runs.size());
  std::vector<std::vector<ValueId>> dying(runs.size());
  Demand demand(graph);
  for (std::size_t i = runs.size(); i-- > 0;) {
    const Op& op = graph[runs[i].op];
    for (const ValueId v : op.outputs) {
      if (demand.wants(v)) continue;
      // The storage of a view that the same run makes has to be made with it.
      const auto rests_on_v = [&](ValueId w) {
        return w != v && graph[w].storage == v && demand.wants(w);
      };
      const bool is_base = std::any_of(op.outputs.begin(), op.outputs.end(), rests_on_v);
      (op.is_optional(v) && !is_base ? skipped : dying)[i].push_back(v);
    }
    const auto dies_here = [&](ValueId v) { return !graph[v].is_source && !demand.wants(v); };
    std::copy_if(op.needs.begin(), op.needs.end(), std::back_inserter(dying[i]), dies_here);
    for (const ValueId v : op.accumulates) {
      const bool is_last = graph[v].contributors.back() == runs[i].op;
      if (is_last && dies_here(v)) dying[i].push_back(v);
    }
    demand.step_over(runs[i].op);
  }

  Schedule schedule;
  IdVector<ValueId, char> resident(graph.values().size());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Op& op = graph[runs[i].op];
    // A skipped output that an earlier run left resident does not exist: it would have died there.
    schedule.emplace_back(Compute{runs[i].op, runs[i].implementation, {}, skipped[i]});
    for (const ValueId v : op.outputs) resident[v] = true;
    for (const ValueId v : skipped[i]) resident[v] = false;
    for (const ValueId v : op.accumulates) resident[v] = true;
    for (const ValueId v : dying[i]) {
      if (resident[v]) schedule.emplace_back(Free{v});
      resident[v] = false;
    }
  }
  return schedule;
}

Schedule plain_schedule(const TrainingGraph& graph) {
  return schedule_from_runs(graph, program_order(graph));
}

}  // namespace rockmate
