#include "plan/finish.h"

#include "base/check.h"
#include "schedule/implementations.h"
#include "schedule/layout.h"

namespace rockmate {
namespace {

// Steps of the packer: about half a second where the load bound cannot be met.
constexpr std::uint64_t kLayoutWork = 200'000'000;

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

Runs with_implementations(const TrainingGraph& graph, const Runs& runs, TakeOver take_over,
                          Bytes budget) {
  Runs chosen = runs;
  for (Run& run : chosen) run.implementation = useful_implementations(graph[run.op]).back();
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

std::optional<Plan> finish(const TrainingGraph& graph, const Runs& runs, TakeOver take_over,
                           Bytes budget, const PlanOptions& options) {
  Replayed replayed = replay(graph, runs, take_over);
  if (replayed.trace.peak > budget) return std::nullopt;
  std::optional<Layout> layout;
  if (options.layout) {
    layout = lay_out(replayed.trace,
                     {.target = budget - replayed.trace.static_bytes, .work_limit = kLayoutWork});
    if (replayed.trace.static_bytes + layout->arena_bytes > budget) return std::nullopt;
  }
  Plan plan = assemble(graph, std::move(replayed), budget);
  plan.layout = std::move(layout);
  check_plan(graph, plan);
  return plan;
}

Bytes needed_by(const TrainingGraph& graph, const Runs& runs, TakeOver take_over,
                const PlanOptions& options) {
  const Replayed replayed = replay(graph, runs, take_over);
  if (!options.layout) return replayed.trace.peak;
  const Layout layout = lay_out(replayed.trace, {.work_limit = kLayoutWork});
  return std::max(replayed.trace.peak, replayed.trace.static_bytes + layout.arena_bytes);
}

}  // namespace rockmate
