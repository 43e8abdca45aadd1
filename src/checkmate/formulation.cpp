#include "checkmate/formulation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/check.h"

namespace rockmate::checkmate {
namespace {

constexpr double kLimitUnits = 1000;  // of a limit, and of the plain seconds, in the model

// A 0/1 quantity: a constant or a variable.
struct Bit {
  std::optional<VariableId> variable;
  bool constant = false;
  friend bool operator==(const Bit&, const Bit&) = default;
  [[nodiscard]] bool is_zero() const { return !variable && !constant; }
  [[nodiscard]] bool is_one() const { return !variable && constant; }
};
constexpr Bit kZero = {};
constexpr Bit kOne = {std::nullopt, true};

// A value within one stage: there at its begin, until each of the steps that may read it, at its
// end. `made` is the run that may make it.
struct Interval {
  Bit before;
  Bit made;
  std::vector<std::size_t> steps;  // that may read it in this stage, rising
  std::vector<Bit> until;
  Bit after;

  // During step i, which does not make it.
  [[nodiscard]] Bit during(std::size_t step, std::size_t maker) const {
    if (maker != kNever && step < maker) return before;
    return from(step);
  }
  [[nodiscard]] Bit from(std::size_t step) const {
    const auto at = std::lower_bound(steps.begin(), steps.end(), step);
    return at == steps.end() ? after : until[static_cast<std::size_t>(at - steps.begin())];
  }
};

}  // namespace

struct Formulation::Built {
  Built(const StagedProblem& p, Limits l) : problem(p), limits(l) {
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

  // again[t]: the steps whose outputs some step may still want in stage t or later.
  void find_useful_steps() {
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

  void add_reruns() {
    rerun.resize(problem.steps.size());
    for (std::size_t t = 0; t < rerun.size(); ++t) {
      for (const std::size_t i : again[t]) {
        rerun[t].push_back(model.add_binary(fmt::format("R({},{})", t, i),
                                            problem.steps[i].seconds / seconds_per_cost));
      }
    }
  }

  [[nodiscard]] Bit rerun_of(std::size_t t, std::size_t i) const {
    const auto at = std::lower_bound(again[t].begin(), again[t].end(), i);
    if (at == again[t].end() || *at != i) return kZero;
    return {rerun[t][static_cast<std::size_t>(at - again[t].begin())]};
  }

  [[nodiscard]] bool can_run(std::size_t t, std::size_t i) const {
    return t == i || std::binary_search(again[t].begin(), again[t].end(), i);
  }

  Bit add_share(const char* letter, std::size_t t, std::size_t v, std::size_t j) {
    Variable variable{fmt::format("{}({},{},{})", letter, t, v, j), 0, 1, 0, false};
    return {model.add(std::move(variable))};
  }

  // larger + also >= smaller
  void at_least(Bit larger, Bit smaller, Bit also = kZero, bool raises = true) {
    if (smaller.is_zero() || larger.is_one() || also.is_one() || larger == smaller) return;
    Row row{"", smaller.constant ? 1.0 : 0.0, kInfinity, {}};
    if (larger.variable) row.terms.push_back({*larger.variable, 1});
    if (also.variable) row.terms.push_back({*also.variable, 1});
    if (smaller.variable) row.terms.push_back({*smaller.variable, -1});
    model.add(std::move(row));
    if (raises) implications.push_back({larger, smaller, also});
  }

  // Backwards through the stages; Bits after the last possible use are 0.
  void add_value(std::size_t v) {
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

  void set_until(std::size_t t, std::size_t v, Interval& interval) {
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

  // Where the value is all that its maker makes.
  void tie_to_maker(std::size_t v, const Interval& interval, Bit first) {
    const StagedValue& value = problem.values[v];
    if (problem.steps[value.made].makes.size() != 1) return;
    at_least(first, interval.made);
    Row row{"", -kInfinity, 1, {{*interval.made.variable, 1}, {*interval.before.variable, 1}}};
    model.add(std::move(row));
  }

  // For each stage t, over the steps that may run again in it or later: r(t,i).
  void add_moments() {
    const std::size_t size = problem.steps.size();
    std::vector<Row> sums(size);                         // by step: its reruns in stage t and later
    std::vector<char> is_wanted(problem.values.size());  // by a step of stage t or later
    std::vector<Bit> again_from_here(size);
    for (std::size_t t = size; t-- > 0;) {
      for (const std::size_t v : problem.steps[t].reads) is_wanted[v] = true;
      for (std::size_t k = 0; k < again[t].size(); ++k) {
        sums[again[t][k]].terms.push_back({rerun[t][k], 1});
      }
      if (again[t].empty()) continue;
      for (std::size_t i = 0; i < t; ++i) {
        again_from_here[i] = kZero;
        if (sums[i].terms.size() < 2) {
          if (sums[i].terms.size() == 1) again_from_here[i] = {sums[i].terms[0].variable};
          continue;
        }
        again_from_here[i] = add_share("r", t, i, i);
        Row row = sums[i];
        row.terms.push_back({*again_from_here[i].variable, -1});
        row.lower = 0;
        row.upper = kInfinity;
        model.add(std::move(row));
        later_runs.push_back({again_from_here[i], sums[i].terms});
      }
      for (std::size_t v = 0; v < problem.values.size(); ++v) {
        const StagedValue& value = problem.values[v];
        if (value.made == kNever || value.made >= t) continue;
        const Bit there = life[v][t].before;
        if (is_wanted[v] != 0) at_least(there, kOne, again_from_here[value.made], false);
        for (const std::size_t j : value.reads) {
          if (j < t) at_least(there, again_from_here[j], again_from_here[value.made], false);
        }
      }
    }
  }

  // Of the storage while step i runs (again) in stage t: 1 if one of its values is there.
  struct Presence {
    std::vector<Bit> bits;
    bool is_one = false;
    void add(Bit bit) {
      is_one |= bit.is_one();
      if (bit.variable && std::find(bits.begin(), bits.end(), bit) == bits.end()) {
        bits.push_back(bit);
      }
    }
  };

  [[nodiscard]] Presence presence(std::size_t storage, std::size_t t, std::size_t i) const {
    Presence there;
    for (const std::size_t v : on_storage[storage]) {
      const StagedValue& value = problem.values[v];
      if (value.made != kNever && t < value.made) continue;
      const Interval& interval = life[v][t];
      if (value.made != i) {
        there.add(interval.during(i, value.made));
        continue;
      }
      there.add(interval.from(i));
      if (!value.is_optional) there.add(interval.made);
    }
    return there;
  }

  // The larger of several shares.
  VariableId merged(const std::vector<Bit>& bits) {
    if (bits.size() == 1) return *bits.front().variable;
    std::vector<std::size_t> key;
    for (const Bit& bit : bits) key.push_back(bit.variable->index());
    std::sort(key.begin(), key.end());
    const auto known = maxima.find(key);
    if (known != maxima.end()) return known->second;
    const Bit sum = add_share("A", 0, 0, maxima.size());
    for (const Bit& bit : bits) at_least(sum, bit);
    maxima.emplace(std::move(key), *sum.variable);
    return *sum.variable;
  }

  void limit_stage(std::size_t t) {
    for (const std::size_t i : again[t]) limit_moment(t, i);
    limit_moment(t, t);
  }

  void limit_moment(std::size_t t, std::size_t i) {
    const Step& main = problem.steps[t];
    std::int64_t fixed = t == i ? main.fixed : main.before;
    std::map<VariableId, std::int64_t> bytes;
    if (t != i) bytes[*rerun_of(t, i).variable] += problem.steps[i].workspace;
    for (std::size_t s = 0; s < problem.storages.size(); ++s) {
      const StagedStorage& storage = problem.storages[s];
      if (storage.bytes == 0 || (storage.is_fixed_before && t < problem.first_stage)) continue;
      const Presence there = presence(s, t, i);
      if (there.is_one) {
        fixed += storage.bytes;
      } else if (!there.bits.empty()) {
        bytes[merged(there.bits)] += storage.bytes;
      }
    }
    for (const auto& pair : problem.steps[i].take_over) add_take_over(t, i, pair, fixed, bytes);
    add_limit(fixed, bytes, limits.peak);
  }

  // The bytes of `made` count once if `read` dies in this run and neither storage has other values:
  // a variable that is at most 1 - each of them.
  void add_take_over(std::size_t t, std::size_t i, std::pair<std::size_t, std::size_t> pair,
                     std::int64_t& fixed, std::map<VariableId, std::int64_t>& bytes) {
    const auto [made, read] = pair;
    const std::size_t to = problem.values[made].storage;
    Presence against;
    const auto against_value = [&](std::size_t v, bool also_before) {
      const StagedValue& value = problem.values[v];
      if (value.made != kNever && t < value.made) return;
      const Interval& interval = life[v][t];
      against.add(interval.from(i + 1));
      if (also_before && value.made != i) against.add(interval.during(i, value.made));
      if (also_before && value.made == i) against.add(interval.before);
    };
    against_value(read, false);
    for (const std::size_t v : on_storage[problem.values[read].storage]) {
      if (v != read) against_value(v, true);
    }
    if (t != i) against.add(life[made][t].before);
    for (const std::size_t v : on_storage[to]) {
      if (v != made) against_value(v, true);
    }
    Bit there = t == i ? kOne : rerun_of(t, i);
    if (problem.values[made].is_optional) there = life[made][t].from(i);
    if (against.is_one || there.is_zero()) return;
    const std::int64_t size = problem.storages[to].bytes;
    if (against.bits.empty() && there.is_one()) {
      fixed -= size;
      return;
    }
    const Bit taken = add_share("I", t, made, read);
    if (there.variable) at_least(there, taken);
    for (const Bit& bit : against.bits) {
      model.add(Row{"", -kInfinity, 1, {{*taken.variable, 1}, {*bit.variable, 1}}});
    }
    bytes[*taken.variable] -= size;
    taken_over.push_back({taken, there, against.bits});
  }

  void limit_saved() {
    if (limits.saved >= kUnlimited || problem.first_stage >= problem.steps.size()) return;
    std::int64_t fixed = 0;
    std::map<VariableId, std::int64_t> bytes;
    for (std::size_t s = 0; s < problem.storages.size(); ++s) {
      Presence there;
      for (const std::size_t v : on_storage[s]) there.add(life[v][problem.first_stage].before);
      if (problem.storages[s].is_saved_free) continue;
      if (there.is_one) {
        fixed += problem.storages[s].bytes;
      } else if (!there.bits.empty()) {
        bytes[merged(there.bits)] += problem.storages[s].bytes;
      }
    }
    add_limit(fixed, bytes, limits.saved);
  }

  void add_limit(std::int64_t fixed, const std::map<VariableId, std::int64_t>& bytes,
                 std::int64_t limit) {
    std::int64_t most = fixed;
    Row row{"", -kInfinity, static_cast<double>(limit - fixed) / bytes_per_unit, {}};
    for (const auto& [variable, size] : bytes) {
      if (size == 0) continue;
      most += std::max<std::int64_t>(size, 0);
      row.terms.push_back({variable, static_cast<double>(size) / bytes_per_unit});
    }
    if (most <= limit) return;
    if (row.terms.empty()) {
      is_hopeless = true;
    } else {
      model.add(std::move(row));
    }
  }

  // Rows come after those of the variables that they raise, so one pass finds the least values.
  [[nodiscard]] std::vector<double> values(const Reruns& reruns) const {
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

  struct Implication {
    Bit larger, smaller, also;  // larger + also >= smaller
  };
  struct LaterRuns {
    Bit later;
    std::vector<Term> runs;
  };
  struct TakenOver {
    Bit taken, there;
    std::vector<Bit> against;
  };

  const StagedProblem& problem;
  Limits limits;
  MilpModel model;
  double seconds_per_cost = 1;
  double bytes_per_unit = 1;
  bool is_hopeless = false;
  std::vector<std::vector<std::size_t>> again;  // by stage: steps that may run again, rising
  std::vector<std::vector<VariableId>> rerun;
  std::vector<std::vector<Interval>> life;  // by value, by stage
  std::vector<std::vector<std::size_t>> on_storage;
  std::map<std::vector<std::size_t>, VariableId> maxima;
  std::vector<Implication> implications;
  std::vector<LaterRuns> later_runs;
  std::vector<TakenOver> taken_over;
};

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
