#include "rockmate/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ostream>

#include "plan/portfolio.h"

namespace rockmate {
namespace {

struct PlannerName {
  Planner planner;
  std::string_view word;
};
constexpr std::array kPlanners = {
    PlannerName{Planner::kPortfolio, "portfolio"}, PlannerName{Planner::kRockmate, "rockmate"},
    PlannerName{Planner::kCheckmate, "checkmate"}, PlannerName{Planner::kRotor, "rotor"},
    PlannerName{Planner::kSqrt, "sqrt"},           PlannerName{Planner::kPlain, "plain"}};

constexpr std::size_t kDefaultPoints = 20;

Seconds since(std::chrono::steady_clock::time_point start) {
  return Seconds(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
}

}  // namespace

std::string_view to_string(Planner planner) {
  return std::find_if(kPlanners.begin(), kPlanners.end(),
                      [&](const PlannerName& p) { return p.planner == planner; })
      ->word;
}

Planner parse_planner(std::string_view word) {
  std::string known;
  for (const PlannerName& p : kPlanners) {
    if (p.word == word) return p.planner;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", p.word);
  }
  throw InvalidInput(fmt::format("planner '{}' is unknown, expected one of {}", word, known));
}

PlanResult plan(const TrainingGraph& graph, Budget budget, const PlanOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const std::optional<Bytes> bytes = budget.on(graph);
  Portfolio portfolio(graph, options);
  std::optional<Plan> best = bytes ? portfolio.best_within(*bytes) : portfolio.leanest();
  if (!best) return Unexpected{portfolio.explain_no_plan(bytes.value_or(Bytes()))};
  best->planning_seconds = since(start);
  return *std::move(best);
}

std::vector<Plan> plan_curve(const TrainingGraph& graph, std::size_t points,
                             const PlanOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  if (points == 0) points = kDefaultPoints;
  Portfolio portfolio(graph, options);
  std::vector<Plan> curve;  // by rising budget while it grows
  const auto append = [&](std::optional<Plan> next) {
    if (!next) return;
    next->planning_seconds = since(start);
    if (!curve.empty() && next->seconds >= curve.back().seconds) return;  // dominated
    if (!curve.empty() && next->needed() <= curve.back().needed()) curve.pop_back();
    curve.push_back(*std::move(next));
  };
  append(portfolio.leanest());
  if (curve.empty()) append(portfolio.best_within(portfolio.plain_peak()));
  if (curve.empty()) return curve;
  const Bytes least = curve.front().needed();
  // The plain iteration's arena may take a little more than its peak.
  const Bytes most = std::max(portfolio.plain_peak(), least);
  for (std::size_t i = 1; i < points && !options.stop.stop_requested(); ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(points - 1);
    const double more = share * static_cast<double>((most - least).count());
    append(portfolio.best_within(least + Bytes(static_cast<std::int64_t>(more)),
                                 1 / static_cast<double>(points - i)));
  }
  std::reverse(curve.begin(), curve.end());
  return curve;
}

std::ostream& operator<<(std::ostream& out, const NoPlan& no_plan) {
  out << no_plan.reason << ": budget " << no_plan.budget;
  if (no_plan.smallest_feasible) {
    out << ", smallest budget found feasible " << *no_plan.smallest_feasible << " ("
        << no_plan.smallest_feasible->count() << " bytes)";
  }
  out << ", none exists below " << no_plan.lower_bound;
  if (!no_plan.forced_op.empty()) out << ", which op '" << no_plan.forced_op << "' forces";
  return out;
}

}  // namespace rockmate
