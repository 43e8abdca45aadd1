// What runs again, and how long values stay for it.

#include "checkmate/formulation.h"

#include <fmt/format.h>

#include <algorithm>

#include "checkmate/formulation_built.h"

namespace rockmate::checkmate {
namespace {

constexpr double kLimitUnits = 1000;  // of a limit, and of the plain seconds, in the model

}  // namespace

Formulation::Built::Built(const StagedProblem& p, Limits l) : problem(p), limits(l) {
  double seconds = 0;
  for (const Step& step : problem.steps) seconds += step.seconds;
  seconds_per_cost = seconds > 0 ? seconds / kLimitUnits : 1;
  bytes_per_unit = static_cast<double>(std::max<std::int64_t>(limits.peak, 1)) / kLimitUnits;
  on_storage.resize(problem.storages.size());
  for (std::size_t v = 0; v < problem.values.size(); ++v) {
    on_storage[problem.values[v].storage].push_back(v);
  }
  find_useful_steps();
  add_reruns();
  for (std::size_t v = 0; v < problem.values.size(); ++v) add_value(v);
  for (std::size_t t = 0; t < problem.steps.size(); ++t) limit_stage(t);
  limit_saved();
  add_moments();
}

void Formulation::Built::find_useful_steps() {
  const std::size_t size = problem.steps.size();
  again.resize(size);
  std::vector<char> wanted(problem.values.size());
  for (std::size_t t = size; t-- > 0;) {
    for (const std::size_t v : problem.steps[t].reads) wanted[v] = true;
    for (std::size_t i = t; i-- > 0;) {
      const auto& makes = problem.steps[i].makes;
      const bool is_wanted =
          std::any_of(makes.begin(), makes.end(), [&](std::size_t v) { return wanted[v] != 0; });
      if (!is_wanted || !problem.may_run_again(i, t)) continue;
      again[t].push_back(i);
      for (const std::size_t v : problem.steps[i].reads) wanted[v] = true;
    }
    std::reverse(again[t].begin(), again[t].end());
  }
}

void Formulation::Built::add_reruns() {
  rerun.resize(problem.steps.size());
  for (std::size_t t = 0; t < rerun.size(); ++t) {
    for (const std::size_t i : again[t]) {
      rerun[t].push_back(model.add_binary(fmt::format("R({},{})", t, i),
                                          problem.steps[i].seconds / seconds_per_cost));
    }
  }
}

Bit Formulation::Built::rerun_of(std::size_t t, std::size_t i) const {
  const auto at = std::lower_bound(again[t].begin(), again[t].end(), i);
  if (at == again[t].end() || *at != i) return kZero;
  return {rerun[t][static_cast<std::size_t>(at - again[t].begin())]};
}

bool Formulation::Built::can_run(std::size_t t, std::size_t i) const {
  return t == i || std::binary_search(again[t].begin(), again[t].end(), i);
}

Bit Formulation::Built::add_share(const char* letter, std::size_t t, std::size_t v, std::size_t j) {
  Variable variable{fmt::format("{}({},{},{})", letter, t, v, j), 0, 1, 0, false};
  return {model.add(std::move(variable))};
}

void Formulation::Built::at_least(Bit larger, Bit smaller, Bit also, bool raises) {
  if (smaller.is_zero() || larger.is_one() || also.is_one() || larger == smaller) return;
  Row row{"", smaller.constant ? 1.0 : 0.0, kInfinity, {}};
  if (larger.variable) row.terms.push_back({*larger.variable, 1});
  if (also.variable) row.terms.push_back({*also.variable, 1});
  if (smaller.variable) row.terms.push_back({*smaller.variable, -1});
  model.add(std::move(row));
  if (raises) implications.push_back({larger, smaller, also});
}

void Formulation::Built::add_value(std::size_t v) {
  const StagedValue& value = problem.values[v];
  const std::size_t size = problem.steps.size();
  auto& intervals = life.emplace_back(size);
  Bit later = kZero;
  for (std::size_t t = size; t-- > 0;) {
    Interval& interval = intervals[t];
    interval.after = later;
    if (value.made != kNever && t < value.made) continue;
    if (value.made == t) {
      interval.before = kZero;
      interval.made = kOne;
      later = kZero;
      continue;
    }
    interval.made = value.made == kNever ? kZero : rerun_of(t, value.made);
    for (const std::size_t j : value.reads) {
      if (j <= t && can_run(t, j) && (j == t || (value.made == kNever || j > value.made))) {
        interval.steps.push_back(j);
      }
    }
    set_until(t, v, interval);
    const Bit first = interval.steps.empty() ? interval.after : interval.until.front();
    if (first.is_zero()) {
      interval.before = kZero;
    } else if (t == 0) {
      interval.before = kOne;
    } else if (!interval.made.variable) {
      interval.before = first;
    } else {
      interval.before = add_share("S", t, v, v);
      at_least(interval.before, first, interval.made);
      tie_to_maker(v, interval, first);
    }
    later = interval.before;
  }
}

void Formulation::Built::set_until(std::size_t t, std::size_t v, Interval& interval) {
  interval.until.resize(interval.steps.size());
  Bit next = interval.after;
  for (std::size_t m = interval.steps.size(); m-- > 0;) {
    const std::size_t j = interval.steps[m];
    Bit& until = interval.until[m];
    if (j == t || next.is_one()) {
      until = kOne;
    } else if (next.is_zero()) {
      until = rerun_of(t, j);
    } else {
      until = add_share("U", t, v, j);
      at_least(until, next);
      at_least(until, rerun_of(t, j));
    }
    next = until;
  }
}

void Formulation::Built::tie_to_maker(std::size_t v, const Interval& interval, Bit first) {
  const StagedValue& value = problem.values[v];
  if (problem.steps[value.made].makes.size() != 1) return;
  at_least(first, interval.made);
  Row row{"", -kInfinity, 1, {{*interval.made.variable, 1}, {*interval.before.variable, 1}}};
  model.add(std::move(row));
}

std::vector<double> Formulation::Built::values(const Reruns& reruns) const {
  std::vector<double> values(model.variables().size());
  for (std::size_t t = 0; t < reruns.size(); ++t) {
    for (const std::size_t i : reruns[t]) {
      if (const Bit bit = rerun_of(t, i); bit.variable) values[bit.variable->index()] = 1;
    }
  }
  const auto of = [&](Bit bit) {
    return bit.variable ? values[bit.variable->index()] : (bit.constant ? 1.0 : 0.0);
  };
  for (const auto& [larger_bit, smaller, also] : implications) {
    if (!larger_bit.variable) continue;
    double& value = values[larger_bit.variable->index()];
    value = std::max(value, of(smaller) - of(also));
  }
  for (const auto& [later, runs] : later_runs) {
    double& value = values[later.variable->index()];
    for (const Term& run : runs) value = std::max(value, values[run.variable.index()]);
  }
  for (const auto& [taken, there, against] : taken_over) {
    double& value = values[taken.variable->index()];
    value = of(there);
    for (const Bit& bit : against) value = std::min(value, 1 - of(bit));
  }
  return values;
}

Formulation::Formulation(const StagedProblem& problem, Limits limits)
    : built_(std::make_unique<Built>(problem, limits)) {}
Formulation::~Formulation() = default;
Formulation::Formulation(Formulation&&) noexcept = default;
Formulation& Formulation::operator=(Formulation&&) noexcept = default;

const MilpModel& Formulation::model() const { return built_->model; }
double Formulation::seconds_per_cost() const { return built_->seconds_per_cost; }
bool Formulation::is_hopeless() const { return built_->is_hopeless; }

Reruns Formulation::reruns(const std::vector<double>& values) const {
  Reruns reruns(built_->again.size());
  for (std::size_t t = 0; t < reruns.size(); ++t) {
    for (std::size_t k = 0; k < built_->again[t].size(); ++k) {
      if (values[built_->rerun[t][k].index()] > 0.5) reruns[t].push_back(built_->again[t][k]);
    }
  }
  return reruns;
}

std::vector<double> Formulation::values(const Reruns& reruns) const {
  return built_->values(reruns);
}

std::vector<std::vector<char>> Formulation::kept(const std::vector<double>& values,
                                                 double threshold) const {
  std::vector<std::vector<char>> kept(built_->again.size(), std::vector<char>(built_->life.size()));
  for (std::size_t v = 0; v < built_->life.size(); ++v) {
    for (std::size_t t = 0; t < kept.size(); ++t) {
      const Bit bit = built_->life[v][t].before;
      const double share =
          bit.variable ? values[bit.variable->index()] : (bit.constant ? 1.0 : 0.0);
      kept[t][v] = share > threshold;
    }
  }
  return kept;
}

std::size_t Formulation::reruns_possible() const {
  std::size_t count = 0;
  for (const auto& stage : built_->again) count += stage.size();
  return count;
}

}  // namespace rockmate::checkmate
