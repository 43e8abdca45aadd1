#include "plan/finish.h"

#include <map>
#include <tuple>

#include "base/check.h"
#include "schedule/implementations.h"
#include "schedule/layout.h"

namespace rockmate {
namespace {

// An arena that is no more than this part of the live bytes above them is tight.
constexpr std::int64_t kTightPart = 200;

struct Replayed {
  Schedule schedule;
  MemoryTrace trace;
};

Replayed replay(const TrainingGraph& graph, const Runs& runs, TakeOver take_over) {
  Schedule schedule = schedule_from_runs(graph, runs, take_over);
  auto trace = simulate(graph, schedule);
  ROCKMATE_CHECK(trace.has_value(), trace.has_value() ? "" : trace.error().message);
  return {std::move(schedule), *std::move(trace)};
}

// The judge's word on the plan as it is handed out.
void check_plan(const TrainingGraph& graph, const Plan& plan) {
  PlanDocument document{graph.name(), plan.schedule, plan.layout, {}, plan.planner};
  document.stated.peak = plan.peak;
  document.stated.static_bytes = plan.static_bytes;
  document.stated.seconds = plan.seconds;
  document.stated.overhead = plan.overhead;
  if (plan.layout) document.stated.arena = plan.layout->arena_bytes;
  const auto verdict = judge(graph, document, plan.budget);
  ROCKMATE_CHECK(verdict.has_value(), verdict.has_value() ? "" : verdict.error().message);
}

// The places by the rows of the layout; what has none lies at the top.
std::vector<Bytes> hint_of(const TrainingGraph& graph, const Replayed& replayed,
                           std::span<const PlaceOfRun> places) {
  if (places.empty()) return {};
  std::map<std::tuple<std::size_t, bool, ValueId>, Bytes> offsets;
  for (const PlaceOfRun& place : places) {
    offsets[{place.run, place.is_workspace, place.storage}] = place.offset;
  }
  std::vector<std::size_t> run_of;
  std::size_t runs = 0;
  for (const Action& action : replayed.schedule) {
    run_of.push_back(runs);
    runs += std::holds_alternative<Compute>(action) ? 1 : 0;
  }
  std::vector<Bytes> hint;
  const auto add = [&](std::size_t action, bool is_workspace, ValueId storage) {
    const auto known = offsets.find({run_of[action], is_workspace, storage});
    hint.push_back(known == offsets.end() ? replayed.trace.peak : known->second);
  };
  for (const StorageLifetime& lifetime : replayed.trace.lifetimes) {
    add(lifetime.first, false, graph[lifetime.value].storage);
  }
  for (const WorkspaceUse& use : replayed.trace.workspaces) add(use.action, true, ValueId());
  return hint;
}

Plan assemble(const TrainingGraph& graph, Replayed replayed, Bytes budget) {
  Plan plan;
  plan.graph = graph.name();
  plan.schedule = std::move(replayed.schedule);
  plan.budget = budget;
  plan.peak = replayed.trace.peak;
  plan.static_bytes = replayed.trace.static_bytes;
  plan.seconds = replayed.trace.seconds;
  plan.overhead = overhead(graph, plan.seconds);
  return plan;
}

}  // namespace

bool has_choice_of_implementations(const TrainingGraph& graph) {
  for (std::size_t o = 0; o < graph.ops().size(); ++o) {
    const Op& op = graph[OpId(o)];
    if (op.implementations.size() > 1 && useful_implementations(op).size() > 1) return true;
  }
  return false;
}

Runs with_implementations(const TrainingGraph& graph, const Runs& runs, TakeOver take_over,
                          Bytes budget) {
  Runs chosen = runs;
  for (Run& run : chosen) run.implementation = useful_implementations(graph[run.op]).back();
  if (!has_choice_of_implementations(graph)) return chosen;
  const Replayed leanest = replay(graph, chosen, take_over);
  std::size_t next = 0;
  for (std::size_t i = 0; i < leanest.schedule.size(); ++i) {
    const auto* compute = std::get_if<Compute>(&leanest.schedule[i]);
    if (compute == nullptr) continue;
    const Op& op = graph[compute->op];
    const Bytes others =
        leanest.trace.live[i] - op.implementations[compute->implementation].workspace;
    for (const std::uint16_t candidate : useful_implementations(op)) {
      if (others + op.implementations[candidate].workspace > budget) continue;
      chosen[next].implementation = candidate;
      break;
    }
    ++next;
  }
  return chosen;
}

Outcome try_runs(const TrainingGraph& graph, const Runs& runs, TakeOver take_over, Bytes budget,
                 const PlanOptions& options, const LayoutStart& start) {
  Replayed replayed = replay(graph, runs, take_over);
  Outcome outcome{std::nullopt, replayed.trace.peak};
  const Bytes fixed = replayed.trace.static_bytes;
  std::optional<Layout> layout;
  if (options.layout && fixed <= budget) {
    layout = lay_out(replayed.trace, {.target = budget - fixed,
                                      .work_limit = start.work,
                                      .hint = hint_of(graph, replayed, start.places),
                                      .stop = options.stop});
    outcome.needed = std::max(outcome.needed, fixed + layout->arena_bytes);
  }
  if (outcome.needed > budget) return outcome;
  outcome.plan = assemble(graph, std::move(replayed), budget);
  outcome.plan->layout = std::move(layout);
  check_plan(graph, *outcome.plan);
  return outcome;
}

std::optional<Plan> finish(const TrainingGraph& graph, const Runs& runs, TakeOver take_over,
                           Bytes budget, const PlanOptions& options) {
  return try_runs(graph, runs, take_over, budget, options).plan;
}

void tighten(const TrainingGraph& graph, Plan& plan, const PlanOptions& options,
             std::uint64_t work) {
  if (!plan.layout) return;
  const Bytes live = plan.peak - plan.static_bytes;
  const Bytes goal = live + Bytes(live.count() / kTightPart);
  if (plan.layout->arena_bytes <= goal) return;
  const auto trace = simulate(graph, plan.schedule);
  ROCKMATE_CHECK(trace.has_value(), trace.has_value() ? "" : trace.error().message);
  LayoutOptions layout{.target = goal, .work_limit = work, .stop = options.stop};
  for (const LayoutRow& row : plan.layout->rows) layout.hint.push_back(row.offset);
  Layout tighter = lay_out(*trace, layout);
  if (tighter.arena_bytes >= plan.layout->arena_bytes) return;
  plan.layout = std::move(tighter);
  check_plan(graph, plan);
}

Bytes needed_by(const TrainingGraph& graph, const Runs& runs, TakeOver take_over,
                const PlanOptions& options, std::uint64_t layout_work) {
  const Replayed replayed = replay(graph, runs, take_over);
  if (!options.layout) return replayed.trace.peak;
  const Layout layout = lay_out(replayed.trace, {.work_limit = layout_work, .stop = options.stop});
  return std::max(replayed.trace.peak, replayed.trace.static_bytes + layout.arena_bytes);
}

}  // namespace rockmate
