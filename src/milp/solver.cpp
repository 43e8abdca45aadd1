// What is the same for every solver: models that need none, checks of what comes in and what goes
// out, and the start as the answer where nothing better was found.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "milp/adapters.h"
#include "rockmate/error.h"

namespace rockmate {
namespace {

struct SolverName {
  Solver solver;
  std::string_view word;
  std::string_view package;
  std::unique_ptr<MilpSolver> (*make)();  // absent: returns nothing
};
constexpr std::array kSolvers = {
    SolverName{Solver::kGlpk, "glpk", "libglpk-dev", make_glpk},
    SolverName{Solver::kCbc, "cbc", "coinor-libcbc-dev", make_cbc},
};

const SolverName& entry_of(Solver solver) {
  return *std::find_if(kSolvers.begin(), kSolvers.end(),
                       [&](const SolverName& entry) { return entry.solver == solver; });
}

void check_options(const MilpModel& model, const MilpOptions& options) {
  if (!options.start.empty() && options.start.size() != model.variables().size()) {
    throw InvalidInput(
        fmt::format("start: {} values were given, expected one for each of {} "
                    "variables",
                    options.start.size(), model.variables().size()));
  }
  if (!(options.relative_gap >= 0)) {
    throw InvalidInput(
        fmt::format("relative gap: found {}, expected 0 or more", options.relative_gap));
  }
  if (options.time_limit && !(options.time_limit->count() >= 0)) {
    throw InvalidInput(
        fmt::format("time limit: found {} s, expected 0 or more", options.time_limit->count()));
  }
}

bool asks_for_nothing(const MilpOptions& options) {
  return options.stop.stop_requested() || options.node_limit == std::uint64_t{0} ||
         options.time_limit == Seconds(0);
}

// A row without variables that does not hold, or a whole number between two others.
bool is_impossible(const MilpModel& model) {
  return std::any_of(model.rows().begin(), model.rows().end(),
                     [](const Row& row) {
                       return row.terms.empty() && (row.lower > 0 || row.upper < 0);
                     }) ||
         std::any_of(model.variables().begin(), model.variables().end(), [](const Variable& v) {
           return v.is_integer && std::ceil(v.lower) > std::floor(v.upper);
         });
}

// Each variable at its cheapest bound.
MilpResult solve_without_rows(const MilpModel& model) {
  MilpResult result{MilpStatus::kOptimal, {}, 0, 0};
  for (const Variable& variable : model.variables()) {
    const double low = variable.is_integer ? std::ceil(variable.lower) : variable.lower;
    const double high = variable.is_integer ? std::floor(variable.upper) : variable.upper;
    double value = variable.cost > 0 ? low : high;
    if (variable.cost == 0) value = std::clamp(0.0, low, high);
    if (std::isinf(value)) return {MilpStatus::kUnbounded, {}, kInfinity, -kInfinity};
    result.values.push_back(value);
  }
  result.cost = result.bound = model.cost_of(result.values);
  return result;
}

void take_whole_numbers(const MilpModel& model, std::vector<double>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (model[VariableId(i)].is_integer) values[i] = std::round(values[i]);
  }
}

// A solution that breaks the model beyond the accuracy is none.
void check_values(const MilpModel& model, MilpResult& result) {
  if (result.values.empty()) return;
  take_whole_numbers(model, result.values);
  if (model.is_feasible(result.values)) {
    result.cost = model.cost_of(result.values);
    return;
  }
  result.values.clear();
  result.status = MilpStatus::kUnknown;
}

void fall_back_on_start(const MilpModel& model, std::vector<double> start, double gap,
                        MilpResult& result) {
  if (start.empty()) return;
  take_whole_numbers(model, start);
  const double cost = model.cost_of(start);
  if (!result.values.empty() && result.cost <= cost) return;
  // Nothing below the start's cost was left to find.
  const bool is_best = result.status == MilpStatus::kInfeasible || result.bound >= cost;
  result.values = std::move(start);
  result.cost = cost;
  if (is_best) result.bound = cost;
  const bool is_optimal = cost - result.bound <= gap * std::abs(cost);
  result.status = is_optimal ? MilpStatus::kOptimal : MilpStatus::kFeasible;
}

}  // namespace

MilpResult MilpSolver::solve(const MilpModel& model, const MilpOptions& options) const {
  check_options(model, options);
  MilpOptions kept = options;
  if (!model.is_feasible(kept.start)) kept.start.clear();
  MilpResult result;
  if (is_impossible(model)) return {MilpStatus::kInfeasible, {}, kInfinity, kInfinity};
  if (model.variables().size() == 0 || model.rows().size() == 0) {
    result = solve_without_rows(model);
  } else if (!asks_for_nothing(options)) {
    result = run(model, kept);
  }
  check_values(model, result);
  fall_back_on_start(model, std::move(kept.start), options.relative_gap, result);
  if (!result.values.empty()) result.bound = std::min(result.bound, result.cost);
  return result;
}

std::string_view to_string(MilpStatus status) {
  switch (status) {
    case MilpStatus::kOptimal:
      return "optimal";
    case MilpStatus::kFeasible:
      return "feasible";
    case MilpStatus::kInfeasible:
      return "infeasible";
    case MilpStatus::kUnbounded:
      return "unbounded";
    case MilpStatus::kUnknown:
      break;
  }
  return "unknown";
}

std::string_view to_string(Solver solver) { return entry_of(solver).word; }

Solver parse_solver(std::string_view word) {
  for (const SolverName& entry : kSolvers) {
    if (entry.word == word) return entry.solver;
  }
  throw InvalidInput(fmt::format("solver '{}' is unknown, expected cbc or glpk", word));
}

std::vector<Solver> linked_solvers() {
  std::vector<Solver> linked;
  for (const SolverName& entry : kSolvers) {
    if (entry.make() != nullptr) linked.push_back(entry.solver);
  }
  return linked;
}

std::unique_ptr<MilpSolver> make_solver(Solver solver) {
  const SolverName& entry = entry_of(solver);
  std::unique_ptr<MilpSolver> made = entry.make();
  if (made != nullptr) return made;
  throw InvalidInput(
      fmt::format("solver '{}' is not part of this build: apt-get install {} and "
                  "configure again",
                  entry.word, entry.package));
}

}  // namespace rockmate
