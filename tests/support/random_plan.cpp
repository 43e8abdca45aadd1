#include "support/random_plan.h"

#include <algorithm>

#include "schedule/runs.h"

namespace rockmate::testing {
namespace {

class Dice {
 public:
  explicit Dice(std::mt19937_64& random) : random_(random) {}
  std::size_t below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
  }
  bool chance(std::size_t percent) { return below(100) < percent; }

 private:
  std::mt19937_64& random_;
};

void add_recomputation(const TrainingGraph& graph, Runs& runs, Dice& dice) {
  const std::size_t from = dice.below(runs.size());
  if (!graph[runs[from].op].recomputable) return;
  const std::size_t to = from + 1 + dice.below(runs.size() - from);
  runs.insert(runs.begin() + static_cast<std::ptrdiff_t>(to), {runs[from].op});
}

bool frees(const Action& action, ValueId v) {
  const auto* free = std::get_if<Free>(&action);
  return free != nullptr && free->value == v;
}

// Where an input dies right after the run, the output may take its storage over instead.
void take_over(const TrainingGraph& graph, Schedule& schedule, Dice& dice) {
  for (std::size_t i = 0; i < schedule.size(); ++i) {
    auto* compute = std::get_if<Compute>(&schedule[i]);
    if (compute == nullptr || graph[compute->op].in_place.empty() || dice.chance(30)) continue;
    const InPlace pair = graph[compute->op].in_place.front();
    if (graph[pair.output].bytes > graph.storage_bytes(pair.input)) continue;
    std::size_t k = i + 1;
    while (k < schedule.size() && std::holds_alternative<Free>(schedule[k]) &&
           !frees(schedule[k], pair.input)) {
      ++k;
    }
    if (k == schedule.size() || !frees(schedule[k], pair.input)) continue;
    compute->in_place.push_back(pair.output);
    schedule.erase(schedule.begin() + static_cast<std::ptrdiff_t>(k));
  }
}

void delay_frees(Schedule& schedule, Dice& dice) {
  for (std::size_t i = 0; i + 1 < schedule.size(); ++i) {
    if (std::holds_alternative<Free>(schedule[i]) && dice.chance(10)) {
      std::swap(schedule[i], schedule[i + 1]);
    }
  }
}

bool overlap(const LayoutRow& a, const LayoutRow& b) {
  return a.first <= b.last && b.first <= a.last && a.offset < b.offset + b.bytes &&
         b.offset < a.offset + a.bytes;
}

}  // namespace

Schedule random_schedule(const TrainingGraph& graph, std::mt19937_64& random, int recomputations) {
  Dice dice(random);
  Runs runs = program_order(graph);
  for (int k = 0; k < recomputations; ++k) add_recomputation(graph, runs, dice);
  for (Run& run : runs) {
    const std::size_t ways = graph[run.op].implementations.size();
    run.implementation = static_cast<std::uint16_t>(dice.below(ways));
  }
  Schedule schedule = schedule_from_runs(graph, runs);
  take_over(graph, schedule, dice);
  delay_frees(schedule, dice);
  return schedule;
}

Layout first_fit_layout(const MemoryTrace& trace) {
  Layout layout;
  const auto place = [&](LayoutRow row) {
    std::vector<Bytes> candidates = {Bytes()};
    for (const LayoutRow& other : layout.rows) candidates.push_back(other.offset + other.bytes);
    std::sort(candidates.begin(), candidates.end());
    for (const Bytes candidate : candidates) {
      row.offset = candidate;
      const auto hits = [&](const LayoutRow& other) { return overlap(row, other); };
      if (std::none_of(layout.rows.begin(), layout.rows.end(), hits)) break;
    }
    layout.arena_bytes = std::max(layout.arena_bytes, row.offset + row.bytes);
    layout.rows.push_back(row);
  };
  for (const StorageLifetime& l : trace.lifetimes) {
    place({false, l.value, l.first, l.last, Bytes(), l.bytes});
  }
  for (const WorkspaceUse& w : trace.workspaces) {
    place({true, ValueId(), w.action, w.action, Bytes(), w.bytes});
  }
  return layout;
}

Plan plan_of(const TrainingGraph& graph, Schedule schedule, bool with_layout) {
  const MemoryTrace trace = simulate(graph, schedule).value();
  Plan plan;
  plan.graph = graph.name();
  plan.schedule = std::move(schedule);
  if (with_layout) plan.layout = first_fit_layout(trace);
  plan.peak = trace.peak;
  plan.static_bytes = trace.static_bytes;
  plan.seconds = trace.seconds;
  plan.overhead = overhead(graph, trace.seconds);
  plan.planner = "random";
  plan.budget = plan.needed();
  return plan;
}

PlanDocument document_of(const Plan& plan) {
  PlanDocument document{plan.graph, plan.schedule, plan.layout, {}, plan.planner};
  document.stated = {.budget = plan.budget,
                     .peak = plan.peak,
                     .static_bytes = plan.static_bytes,
                     .arena = std::nullopt,
                     .seconds = plan.seconds,
                     .lower_bound = plan.lower_bound,
                     .overhead = plan.overhead};
  if (plan.layout) document.stated.arena = plan.layout->arena_bytes;
  return document;
}

}  // namespace rockmate::testing
