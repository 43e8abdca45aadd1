// With the letters of priced_moment.cpp, and k(s) for "storage s lives at the moment":
//
//   use      k(s) + l(maker of s) >= l(o)     for what o needs, and for a sum that it adds to
//   result   k(s) + l(maker of s) >= 1
//   made     k(s) <= 1 - a(maker of s)
//   again    l(o) >= a(o), and l(o) = a(o) for an op that runs once
//   order    a(o) >= a(p)                     for an ancestor p of o
//   barrier  l(o) <= a(u)                     if u updates what o must read before
//   bytes    sum of bytes_s k(s) <= what is left at the moment
//
// minimise the sum of seconds_o (l(o) - a(o)): the runs beyond the first. What the moment's own op
// needs and makes has k = 1 and is counted before; its outputs that may be in place weigh nothing.

#include "bounds/moment_program.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace rockmate {

MomentProgram::Expression& MomentProgram::Expression::add(const Expression& other, double factor) {
  constant += factor * other.constant;
  for (const Term& term : other.terms) terms.push_back({term.variable, factor * term.coefficient});
  return *this;
}

double MomentProgram::Expression::of(const std::vector<double>& solution) const {
  double sum = constant;
  for (const Term& term : terms) sum += term.coefficient * solution[term.variable.index()];
  return sum;
}

MomentProgram::MomentProgram(const MomentFacts& facts, const Moment& moment, Bytes budget)
    : facts_(facts),
      moment_(moment),
      unit_cost_(facts.fastest > Seconds() ? 1000 / facts.fastest.count() : 1),
      ahead_(facts.graph.ops().size()),
      later_(facts.graph.ops().size()),
      kept_(facts.graph.values().size()) {
  const std::size_t ops = facts.graph.ops().size();
  for (std::size_t o = 0; o < ops; ++o) add_variables(OpId(o));
  for (const ValueId s : facts.storages) add_variable(s);
  for (std::size_t o = 0; o < ops; ++o) order(OpId(o));
  for (std::size_t o = 0; o < ops; ++o) require_needs(OpId(o));
  for (const ValueId s : facts.result_storages) require_made("result", s, {1, {}});
  limit_bytes(budget);
}

MomentProgram::Expression MomentProgram::binary(const char* what, const std::string& name,
                                                double cost) {
  return {0, {{model_.add_binary(fmt::format("{} {}", what, name), cost), 1}}};
}

void MomentProgram::add_variables(OpId op) {
  const Op& the_op = facts_.graph[op];
  const Side side = moment_.side[op];
  const double cost = the_op.recomputable ? facts_.seconds[op] * unit_cost_ : 0;
  if (side == Side::kAfter) ahead_[op].constant = 1;
  // The first run is no recomputation: its cost is taken off again.
  if (side == Side::kEither) ahead_[op] = binary("ahead", the_op.name, -cost);
  const bool may_run_again = the_op.recomputable && side != Side::kAfter;
  later_[op] = may_run_again ? binary("later", the_op.name, cost) : ahead_[op];
}

void MomentProgram::add_variable(ValueId storage) {
  if (moment_.live.contains(storage)) {
    kept_[storage].constant = 1;
  } else if (moment_.side[facts_.maker(storage)] != Side::kAfter) {
    kept_[storage] = binary("keep", facts_.graph[storage].name, 0);
    Expression made{1, {}};
    made.add(ahead_[facts_.maker(storage)], -1).add(kept_[storage], -1);
    require("made", facts_.graph[storage].name, std::move(made));
  }
}

void MomentProgram::order(OpId op) {
  const std::string& name = facts_.graph[op].name;
  for (const OpId earlier : facts_.before[op]) {
    require("order", name, Expression(ahead_[op]).add(ahead_[earlier], -1));
  }
  for (const OpId update : facts_.barriers[op]) {
    require("barrier", name, Expression(ahead_[update]).add(later_[op], -1));
  }
  require("again", name, Expression(later_[op]).add(ahead_[op], -1));
}

void MomentProgram::require_needs(OpId op) {
  for (const ValueId s : facts_.needs[op]) require_made("use", s, later_[op]);
  for (const ValueId s : facts_.graph[op].accumulates) {
    if (facts_.graph[s].bytes > Bytes()) require_made("use", s, later_[op]);
  }
}

void MomentProgram::require_made(const char* rule, ValueId storage, const Expression& used) {
  Expression made = kept_[storage];
  made.add(later_[facts_.maker(storage)]).add(used, -1);
  require(rule, facts_.graph[storage].name, std::move(made));
}

void MomentProgram::limit_bytes(Bytes budget) {
  constexpr double kMostUnits = 1e6;
  const auto room = static_cast<double>(moment_.room(budget).count());
  const double unit = std::max(static_cast<double>(moment_.unit.count()), room / kMostUnits);
  Row row{"bytes", -kInfinity, room / unit, {}};
  for (const ValueId s : facts_.storages) {
    if (kept_[s].terms.empty() || moment_.free.contains(s)) continue;
    const auto bytes = static_cast<double>(facts_.graph[s].bytes.count());
    row.terms.push_back({kept_[s].terms.front().variable, bytes / unit});
  }
  model_.add(std::move(row));
}

void MomentProgram::require(const char* rule, const std::string& name, Expression expression) {
  std::map<VariableId, double> sums;
  for (const Term& term : expression.terms) sums[term.variable] += term.coefficient;
  Row row{fmt::format("{} {}", rule, name), 0 - expression.constant, kInfinity, {}};
  double least = expression.constant;
  for (const auto& [variable, coefficient] : sums) {
    if (coefficient == 0) continue;
    row.terms.push_back({variable, coefficient});
    least += std::min(0.0, coefficient);
  }
  if (least < 0) model_.add(std::move(row));
}

Seconds MomentProgram::proven_seconds(const MilpResult& result) const {
  if (result.status != MilpStatus::kOptimal) {
    const double bound = result.bound * (1 - kMilpAccuracy) - kMilpAccuracy;
    return Seconds(std::max(0.0, bound / unit_cost_));
  }
  // Of a solution that is proven the seconds are exact, not the solver's sum.
  double seconds = 0;
  for (std::size_t o = 0; o < facts_.graph.ops().size(); ++o) {
    const OpId op(o);
    seconds += facts_.seconds[op] * (later_[op].of(result.values) - ahead_[op].of(result.values));
  }
  return Seconds(seconds);
}

std::set<ValueId> MomentProgram::kept(const std::vector<double>& solution) const {
  std::set<ValueId> kept;
  for (const ValueId s : facts_.storages) {
    if (kept_[s].of(solution) > 0.5) kept.insert(s);
  }
  return kept;
}

}  // namespace rockmate
