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

// What each run skips, and what dies right after it.
struct Deaths {
  std::vector<std::vector<ValueId>> skipped;
  std::vector<std::vector<ValueId>> dying;
};

Deaths find_deaths(const TrainingGraph& graph, const Runs& runs) {
  Deaths deaths{std::vector<std::vector<ValueId>>(runs.size()),
                std::vector<std::vector<ValueId>>(runs.size())};
  Demand demand(graph);
  for (std::size_t i = runs.size(); i-- > 0;) {
    const Op& op = graph[runs[i].op];
    auto& dying = deaths.dying[i];
    for (const ValueId v : op.outputs) {
      if (demand.wants(v)) continue;
      // The storage of a view that the same run makes has to be made with it.
      const auto rests_on_v = [&](ValueId w) {
        return w != v && graph[w].storage == v && demand.wants(w);
      };
      const bool is_base = std::any_of(op.outputs.begin(), op.outputs.end(), rests_on_v);
      (op.is_optional(v) && !is_base ? deaths.skipped[i] : dying).push_back(v);
    }
    const auto dies_here = [&](ValueId v) { return !graph[v].is_source && !demand.wants(v); };
    std::copy_if(op.needs.begin(), op.needs.end(), std::back_inserter(dying), dies_here);
    for (const ValueId v : op.accumulates) {
      const bool is_last = graph[v].contributors.back() == runs[i].op;
      if (is_last && dies_here(v)) dying.push_back(v);
    }
    demand.step_over(runs[i].op);
  }
  return deaths;
}

bool contains(const std::vector<ValueId>& list, ValueId v) {
  return std::find(list.begin(), list.end(), v) != list.end();
}

// What is resident while a schedule is written down, run by run.
class Writer {
 public:
  explicit Writer(const TrainingGraph& graph)
      : graph_(graph), resident_(graph.values().size()), users_(graph.values().size()) {}

  void write(Run run, std::vector<ValueId> skipped, const std::vector<ValueId>& dying,
             TakeOver take_over) {
    const Op& op = graph_[run.op];
    Compute compute{run.op, run.implementation, {}, std::move(skipped)};
    if (take_over == TakeOver::kWhereEqual) {
      for (const InPlace& pair : take_overs(graph_, run.op)) {
        const bool is_made = !contains(compute.skip, pair.output);
        const bool is_alone = users_[graph_[pair.input].storage] == 1 && users_[pair.output] == 0;
        if (is_made && is_alone && contains(dying, pair.input)) {
          compute.in_place.push_back(pair.output);
          set(pair.input, false);
        }
      }
    }
    // A skipped output that an earlier run left resident does not exist: it would have died there.
    for (const ValueId v : op.outputs) set(v, !contains(compute.skip, v));
    for (const ValueId v : op.accumulates) set(v, true);
    schedule_.emplace_back(std::move(compute));
    for (const ValueId v : dying) {
      if (resident_[v]) schedule_.emplace_back(Free{v});
      set(v, false);
    }
  }
  [[nodiscard]] Schedule finish() && { return std::move(schedule_); }

 private:
  void set(ValueId v, bool resident) {
    if ((resident_[v] != 0) == resident) return;
    resident_[v] = resident;
    resident ? ++users_[graph_[v].storage] : --users_[graph_[v].storage];
  }

  const TrainingGraph& graph_;
  IdVector<ValueId, char> resident_;
  IdVector<ValueId, std::size_t> users_;  // resident values on each storage
  Schedule schedule_;
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

std::vector<InPlace> take_overs(const TrainingGraph& graph, OpId id) {
  const Op& op = graph[id];
  const auto on = [&](ValueId storage) {
    return std::count_if(op.outputs.begin(), op.outputs.end(),
                         [&](ValueId v) { return graph[v].storage == storage; });
  };
  std::vector<InPlace> usable;
  for (const InPlace& pair : op.in_place) {
    const ValueId from = graph[pair.input].storage;
    const auto clashes = [&](const InPlace& other) {
      return other.input == pair.input || other.output == pair.output;
    };
    if (graph[from].is_source || graph[from].bytes != graph[pair.output].bytes || on(from) != 0 ||
        on(pair.output) != 1 || std::any_of(usable.begin(), usable.end(), clashes)) {
      continue;
    }
    usable.push_back(pair);
  }
  return usable;
}

Schedule schedule_from_runs(const TrainingGraph& graph, const Runs& runs, TakeOver take_over) {
  Deaths deaths = find_deaths(graph, runs);
  Writer writer(graph);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    writer.write(runs[i], std::move(deaths.skipped[i]), deaths.dying[i], take_over);
  }
  return std::move(writer).finish();
}

Schedule plain_schedule(const TrainingGraph& graph) {
  return schedule_from_runs(graph, program_order(graph));
}

}  // namespace rockmate
