// What lives at each moment, and the rows that limit it.

#include <algorithm>

#include "checkmate/formulation_built.h"

namespace rockmate::checkmate {

void Formulation::Built::add_moments() {
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

Formulation::Built::Presence Formulation::Built::presence(std::size_t storage, std::size_t t,
                                                          std::size_t i) const {
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

VariableId Formulation::Built::merged(const std::vector<Bit>& bits) {
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

void Formulation::Built::limit_stage(std::size_t t) {
  for (const std::size_t i : again[t]) limit_moment(t, i);
  limit_moment(t, t);
}

void Formulation::Built::limit_moment(std::size_t t, std::size_t i) {
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

void Formulation::Built::add_take_over(std::size_t t, std::size_t i,
                                       std::pair<std::size_t, std::size_t> pair,
                                       std::int64_t& fixed,
                                       std::map<VariableId, std::int64_t>& bytes) {
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

void Formulation::Built::limit_saved() {
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

void Formulation::Built::add_limit(std::int64_t fixed,
                                   const std::map<VariableId, std::int64_t>& bytes,
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

}  // namespace rockmate::checkmate
