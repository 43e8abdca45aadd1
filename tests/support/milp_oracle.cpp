#include "support/milp_oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace rockmate::testing {
namespace {

// a * x = b or a * x <= b, over the real variables.
struct Plane {
  std::vector<double> a;
  double b = 0;
};

// Gaussian elimination; nothing where the planes do not meet in one point.
std::optional<std::vector<double>> meet(std::vector<Plane> planes) {
  const std::size_t n = planes.size();
  for (std::size_t k = 0; k < n; ++k) {
    const auto pivot = std::max_element(
        planes.begin() + static_cast<std::ptrdiff_t>(k), planes.end(),
        [&](const Plane& p, const Plane& q) { return std::abs(p.a[k]) < std::abs(q.a[k]); });
    if (std::abs(pivot->a[k]) < 1e-9) return std::nullopt;
    std::swap(planes[k], *pivot);
    for (std::size_t i = 0; i < n; ++i) {
      if (i == k) continue;
      const double factor = planes[i].a[k] / planes[k].a[k];
      for (std::size_t j = 0; j < n; ++j) planes[i].a[j] -= factor * planes[k].a[j];
      planes[i].b -= factor * planes[k].b;
    }
  }
  std::vector<double> x;
  for (std::size_t k = 0; k < n; ++k) x.push_back(planes[k].b / planes[k].a[k]);
  return x;
}

class Enumeration {
 public:
  explicit Enumeration(const MilpModel& model) : model_(model), values_(model.variables().size()) {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (!model_[VariableId(i)].is_integer) reals_.push_back(i);
    }
  }
  std::optional<double> least() {
    assign(0);
    return least_;
  }

 private:
  void assign(std::size_t at) {
    if (at == values_.size()) return try_vertices();
    const Variable& variable = model_[VariableId(at)];
    if (!variable.is_integer) return assign(at + 1);
    for (double x = std::ceil(variable.lower); x <= variable.upper; ++x) {
      values_[at] = x;
      assign(at + 1);
    }
    values_[at] = 0;
  }

  // Every bound of a row or a real variable that could hold with equality.
  std::vector<Plane> planes() const {
    std::vector<Plane> all;
    const auto add = [&](const Plane& plane, double low, double high, double fixed) {
      for (const double bound : {low, high}) {
        if (std::isfinite(bound)) all.push_back({plane.a, bound - fixed});
      }
    };
    for (const Row& row : model_.rows()) {
      Plane plane{std::vector<double>(reals_.size()), 0};
      double fixed = 0;
      for (const Term& term : row.terms) {
        const auto it = std::find(reals_.begin(), reals_.end(), term.variable.index());
        if (it == reals_.end()) {
          fixed += term.coefficient * values_[term.variable.index()];
        } else {
          plane.a[static_cast<std::size_t>(it - reals_.begin())] = term.coefficient;
        }
      }
      add(plane, row.lower, row.upper, fixed);
    }
    for (std::size_t k = 0; k < reals_.size(); ++k) {
      Plane plane{std::vector<double>(reals_.size()), 0};
      plane.a[k] = 1;
      const Variable& variable = model_[VariableId(reals_[k])];
      add(plane, variable.lower, variable.upper, 0);
    }
    return all;
  }

  void try_vertices() {
    const std::vector<Plane> all = planes();
    std::vector<Plane> chosen;
    choose(all, 0, chosen);
  }

  void choose(const std::vector<Plane>& all, std::size_t from, std::vector<Plane>& chosen) {
    if (chosen.size() == reals_.size()) {
      const auto x = meet(chosen);
      if (!x) return;
      std::vector<double> values = values_;
      for (std::size_t k = 0; k < x->size(); ++k) values[reals_[k]] = (*x)[k];
      if (!model_.is_feasible(values)) return;
      const double cost = model_.cost_of(values);
      least_ = std::min(cost, least_.value_or(cost));
      return;
    }
    for (std::size_t i = from; i < all.size(); ++i) {
      chosen.push_back(all[i]);
      choose(all, i + 1, chosen);
      chosen.pop_back();
    }
  }

  const MilpModel& model_;
  std::vector<double> values_;
  std::vector<std::size_t> reals_;
  std::optional<double> least_;
};

}  // namespace

std::optional<double> least_cost(const MilpModel& model) { return Enumeration(model).least(); }

MilpModel random_milp(std::uint64_t seed, const RandomMilpOptions& options) {
  std::mt19937_64 random(seed);
  const auto within = [&](int low, int high) {
    return static_cast<double>(std::uniform_int_distribution<int>(low, high)(random));
  };
  MilpModel model;
  for (int i = 0; i < options.integers; ++i) {
    const double low = within(-2, 1);
    model.add(Variable{fmt::format("n{}", i), low, low + within(0, 3), within(-9, 9), true});
  }
  for (int i = 0; i < options.reals; ++i) {
    const VariableId x =
        model.add(Variable{fmt::format("x{}", i), -kInfinity, kInfinity, within(-9, 9), false});
    model.add(Row{fmt::format("box{}", i), -10, 10, {{x, 1}}});
  }
  for (int r = 0; r < options.rows; ++r) {
    Row row{fmt::format("row{}", r), -kInfinity, kInfinity, {}};
    for (std::size_t i = 0; i < model.variables().size(); ++i) {
      if (within(0, 2) > 0) row.terms.push_back({VariableId(i), within(-5, 5)});
    }
    const double sense = within(0, 2), bound = within(-6, 6);
    if (sense != 0) row.lower = bound;
    if (sense != 1) row.upper = bound + within(0, 4);
    if (options.equalities && r == 0) row.lower = row.upper = bound;
    model.add(std::move(row));
  }
  return model;
}

}  // namespace rockmate::testing
