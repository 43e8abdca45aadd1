#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "rockmate/error.h"
#include "rockmate/milp.h"

namespace rockmate {
namespace {

void check_bounds(const char* what, const std::string& name, double lower, double upper) {
  const bool is_sound = lower <= upper && lower < kInfinity && upper > -kInfinity;
  if (is_sound) return;
  throw InvalidInput(
      fmt::format("{} '{}': bounds from {} to {}, expected the first to be at most "
                  "the second and no infinity on the wrong side",
                  what, name, lower, upper));
}

bool is_within(double x, double lower, double upper) {
  const auto slack = [](double bound) {
    return std::isfinite(bound) ? kMilpAccuracy * std::max(1.0, std::abs(bound)) : 0.0;
  };
  return x >= lower - slack(lower) && x <= upper + slack(upper);
}

}  // namespace

VariableId MilpModel::add(Variable variable) {
  check_bounds("variable", variable.name, variable.lower, variable.upper);
  if (!std::isfinite(variable.cost)) {
    throw InvalidInput(fmt::format("variable '{}': found cost {}, expected a finite number",
                                   variable.name, variable.cost));
  }
  variables_.push_back(std::move(variable));
  return VariableId(variables_.size() - 1);
}

RowId MilpModel::add(Row row) {
  check_bounds("row", row.name, row.lower, row.upper);
  std::vector<VariableId> seen;
  for (const Term& term : row.terms) {
    if (term.variable.index() >= variables_.size()) {
      throw InvalidInput(fmt::format("row '{}': found variable {} of {}: add variables first",
                                     row.name, term.variable.index(), variables_.size()));
    }
    if (!std::isfinite(term.coefficient)) {
      throw InvalidInput(
          fmt::format("row '{}': found coefficient {} of '{}', expected a finite one", row.name,
                      term.coefficient, variables_[term.variable].name));
    }
    seen.push_back(term.variable);
  }
  std::sort(seen.begin(), seen.end());
  const auto twice = std::adjacent_find(seen.begin(), seen.end());
  if (twice != seen.end()) {
    throw InvalidInput(fmt::format("row '{}': variable '{}' stands in it twice: add its terms up",
                                   row.name, variables_[*twice].name));
  }
  rows_.push_back(std::move(row));
  return RowId(rows_.size() - 1);
}

VariableId MilpModel::add_binary(std::string name, double cost) {
  return add(Variable{std::move(name), 0, 1, cost, true});
}

bool MilpModel::has_integers() const {
  return std::any_of(variables_.begin(), variables_.end(),
                     [](const Variable& variable) { return variable.is_integer; });
}

MilpModel MilpModel::relaxed() const {
  MilpModel model = *this;
  for (Variable& variable : model.variables_) variable.is_integer = false;
  return model;
}

double MilpModel::cost_of(const std::vector<double>& values) const {
  double cost = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    cost += variables_[VariableId(i)].cost * values[i];
  return cost;
}

bool MilpModel::is_feasible(const std::vector<double>& values) const {
  if (values.size() != variables_.size()) return false;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Variable& variable = variables_[VariableId(i)];
    if (!is_within(values[i], variable.lower, variable.upper)) return false;
    if (variable.is_integer && std::abs(values[i] - std::round(values[i])) > kMilpAccuracy) {
      return false;
    }
  }
  return std::all_of(rows_.begin(), rows_.end(), [&](const Row& row) {
    double sum = 0;
    for (const Term& term : row.terms) sum += term.coefficient * values[term.variable.index()];
    return is_within(sum, row.lower, row.upper);
  });
}

}  // namespace rockmate
