#include "rockmate/plan.h"

#include <fmt/format.h>

#include <ostream>

#include "base/check.h"

namespace rockmate {
namespace {

Plan plain_plan(const TrainingGraph& graph) {
  Plan plan;
  plan.graph = graph.name();
  plan.schedule = plain_schedule(graph);
  const auto trace = simulate(graph, plan.schedule);
  ROCKMATE_CHECK(trace.has_value());
  plan.budget = plan.peak = trace->peak;
  plan.static_bytes = trace->static_bytes;
  plan.seconds = plan.lower_bound = trace->seconds;
  plan.proven_optimal = true;
  plan.planner = "plain";
  return plan;
}

}  // namespace

std::string_view to_string(Planner planner) {
  constexpr std::string_view names[] = {"portfolio", "rotor", "sqrt", "plain"};
  return names[static_cast<std::size_t>(planner)];
}

Planner parse_planner(std::string_view word) {
  for (const Planner p : {Planner::kPortfolio, Planner::kRotor, Planner::kSqrt, Planner::kPlain}) {
    if (to_string(p) == word) return p;
  }
  throw InvalidInput(
      fmt::format("planner '{}' is unknown, expected one of portfolio, rotor, sqrt, plain", word));
}

PlanResult plan(const TrainingGraph& graph, Budget budget, const PlanOptions&) {
  Plan plain = plain_plan(graph);
  const Bytes limit = budget.on(graph).value_or(plain.peak);
  if (plain.peak > limit) {
    return Unexpected{NoPlan{limit,
                             fmt::format("the plain iteration needs {}", to_string(plain.peak)),
                             plain.peak,
                             graph.static_bytes(),
                             "",
                             {}}};
  }
  plain.budget = limit;
  return plain;
}

std::vector<Plan> plan_curve(const TrainingGraph& graph, std::size_t, const PlanOptions&) {
  return {plain_plan(graph)};
}

std::ostream& operator<<(std::ostream& out, const NoPlan& no_plan) { return out << no_plan.reason; }

}  // namespace rockmate
