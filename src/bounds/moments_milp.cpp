// Letters as in priced_moment.cpp, with an index i for the moment, i = 1 .. m, and the stage that
// follows it (stage 0 lies before the first moment):
//
//   a(i, o)  o runs first after moment i; falls with i
//   l(i, o)  o runs in stage i; at least in the stage of its first run:
//              a(i, o) - a(i+1, o) <= l(i, o) <= 1 - a(i+1, o),  with equality on the left if it
//              runs once, and a(m+1, o) = 0
//   k(i, s)  storage s lives at moment i with what is to be used later
//
//   use      k(i, s) + l(i, maker of s) >= l(i, o)       for what o needs, and for a sum it adds to
//   result   k(m, s) + l(m, maker of s) >= 1
//   carry    k(i, s) <= k(i-1, s) + l(i-1, maker of s),  k(1, s) <= 1 - a(1, maker of s)
//   order    a(i, p) <= a(i, o)                          for an ancestor p of o
//   barrier  l(i, o) <= a(i, u)                          if u updates what o must read before
//   bytes    sum of bytes_s k(i, s) <= what is left at moment i
//
// minimise the sum of seconds_o (sum over i of l(i, o) - a(1, o)): runs beyond the first. What a
// moment's own op needs and makes has k = 1; its outputs that may be in place weigh nothing.

#include "bounds/moments_milp.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace rockmate {

MomentsMilp::Expression& MomentsMilp::Expression::add(const Expression& other, double factor) {
  constant += factor * other.constant;
  for (const Term& term : other.terms) terms.push_back({term.variable, factor * term.coefficient});
  return *this;
}

MomentsMilp::MomentsMilp(const MomentFacts& facts, std::vector<Moment> moments, Bytes budget)
    : facts_(facts),
      moments_(std::move(moments)),
      unit_cost_(facts.fastest > Seconds() ? 1000 / facts.fastest.count() : 1),
      ahead_(count() + 1, IdVector<OpId, Expression>(facts.graph.ops().size())),
      runs_(count(), IdVector<OpId, Expression>(facts.graph.ops().size())),
      kept_(count(), IdVector<ValueId, Expression>(facts.graph.values().size())) {
  const std::size_t ops = facts.graph.ops().size();
  for (std::size_t o = 0; o < ops; ++o) add_op_variables(OpId(o));
  for (const ValueId s : facts.storages) add_storage_variables(s);
  for (std::size_t o = 0; o < ops; ++o) order_op(OpId(o));
  for (std::size_t o = 0; o < ops; ++o) require_needs(OpId(o));
  for (const ValueId s : facts.storages) carry(s);
  for (const ValueId s : facts.result_storages) {
    Expression made = kept_.back()[s];
    made.add(runs_.back()[facts.maker(s)]).constant -= 1;
    require("result", facts.graph[s].name, std::move(made));
  }
  for (std::size_t i = 0; i < count(); ++i) limit_bytes(i, budget);
}

MomentsMilp::Expression MomentsMilp::binary(const char* what, const std::string& name,
                                            std::size_t at, double cost) {
  return {0, {{model_.add_binary(fmt::format("{} {} {}", what, at + 1, name), cost), 1}}};
}

void MomentsMilp::add_op_variables(OpId op) {
  const Op& the_op = facts_.graph[op];
  const double cost = facts_.seconds[op] * unit_cost_;
  for (std::size_t i = 0; i < count(); ++i) {
    const Side side = moments_[i].side[op];
    if (side == Side::kAfter) ahead_[i][op].constant = 1;
    // A run-once op's first run costs nothing extra, another op's is taken off again.
    const double refund = i == 0 && the_op.recomputable ? -cost : 0;
    if (side == Side::kEither) ahead_[i][op] = binary("ahead", the_op.name, i, refund);
  }
  for (std::size_t i = 0; i < count(); ++i) {
    Expression first = ahead_[i][op];
    first.add(ahead_[i + 1][op], -1);
    const bool is_settled =
        first.terms.empty() && (first.constant == 1 || ahead_[i + 1][op].constant == 1);
    if (!the_op.recomputable || is_settled) {
      runs_[i][op] = std::move(first);
    } else {
      runs_[i][op] = binary("run", the_op.name, i, cost);
    }
  }
}

void MomentsMilp::add_storage_variables(ValueId storage) {
  for (std::size_t i = 0; i < count(); ++i) {
    const Moment& moment = moments_[i];
    if (moment.live.contains(storage)) {
      kept_[i][storage].constant = 1;
    } else if (moment.side[facts_.maker(storage)] != Side::kAfter) {
      kept_[i][storage] = binary("keep", facts_.graph[storage].name, i, 0);
    }
  }
}

void MomentsMilp::order_op(OpId op) {
  const std::string& name = facts_.graph[op].name;
  for (std::size_t i = 0; i < count(); ++i) {
    for (const OpId earlier : facts_.before[op]) {
      require("order", name, Expression(ahead_[i][op]).add(ahead_[i][earlier], -1));
    }
    require("later", name, Expression(ahead_[i][op]).add(ahead_[i + 1][op], -1));
    for (const OpId update : facts_.barriers[op]) {
      require("barrier", name, Expression(ahead_[i][update]).add(runs_[i][op], -1));
    }
    if (!facts_.graph[op].recomputable) continue;
    require("first", name, Expression(runs_[i][op]).add(ahead_[i][op], -1).add(ahead_[i + 1][op]));
    require("not yet", name, Expression{1, {}}.add(ahead_[i + 1][op], -1).add(runs_[i][op], -1));
  }
}

void MomentsMilp::require_needs(OpId op) {
  const auto use = [&](ValueId storage, std::size_t i) {
    Expression made = kept_[i][storage];
    made.add(runs_[i][facts_.maker(storage)]).add(runs_[i][op], -1);
    require("use", fmt::format("{} by {}", facts_.graph[storage].name, facts_.graph[op].name),
            std::move(made));
  };
  for (std::size_t i = 0; i < count(); ++i) {
    for (const ValueId s : facts_.needs[op]) use(s, i);
    for (const ValueId s : facts_.graph[op].accumulates) {
      if (facts_.graph[s].bytes > Bytes()) use(s, i);
    }
  }
}

void MomentsMilp::carry(ValueId storage) {
  const OpId maker = facts_.maker(storage);
  const std::string& name = facts_.graph[storage].name;
  Expression made{1, {}};
  made.add(ahead_[0][maker], -1).add(kept_[0][storage], -1);
  require("made", name, std::move(made));
  for (std::size_t i = 1; i < count(); ++i) {
    Expression carried = kept_[i - 1][storage];
    carried.add(runs_[i - 1][maker]).add(kept_[i][storage], -1);
    require("carry", name, std::move(carried));
  }
}

void MomentsMilp::limit_bytes(std::size_t moment, Bytes budget) {
  constexpr double kMostUnits = 1e6;
  const Moment& at = moments_[moment];
  const auto room = static_cast<double>(at.room(budget).count());
  const double unit = std::max(static_cast<double>(at.unit.count()), room / kMostUnits);
  Row row{fmt::format("bytes {}", moment + 1), -kInfinity, room / unit, {}};
  for (const ValueId s : facts_.storages) {
    if (kept_[moment][s].terms.empty() || at.free.contains(s)) continue;
    const auto bytes = static_cast<double>(facts_.graph[s].bytes.count());
    row.terms.push_back({kept_[moment][s].terms.front().variable, bytes / unit});
  }
  model_.add(std::move(row));
}

void MomentsMilp::require(const char* rule, const std::string& name, Expression expression) {
  std::map<VariableId, double> sums;
  for (const Term& term : expression.terms) sums[term.variable] += term.coefficient;
  Row row{fmt::format("{} {}", rule, name), -expression.constant, kInfinity, {}};
  double least = expression.constant;
  for (const auto& [variable, coefficient] : sums) {
    if (coefficient == 0) continue;
    row.terms.push_back({variable, coefficient});
    least += std::min(0.0, coefficient);
  }
  if (least < 0) model_.add(std::move(row));
}

Seconds MomentsMilp::proven_seconds(const MilpResult& result) const {
  // Of a solution that is proven the seconds are exact, not the solver's sum.
  if (result.status == MilpStatus::kOptimal) return extra_seconds(result.values);
  const double bound = result.bound * (1 - kMilpAccuracy) - kMilpAccuracy;
  return Seconds(std::max(0.0, bound / unit_cost_));
}

std::set<ValueId> MomentsMilp::kept(const std::vector<double>& solution, std::size_t moment) const {
  std::set<ValueId> kept;
  for (const ValueId s : facts_.storages) {
    const Expression& k = kept_[moment][s];
    const bool is_kept =
        k.terms.empty() ? k.constant == 1 : solution[k.terms.front().variable.index()] > 0.5;
    if (is_kept) kept.insert(s);
  }
  return kept;
}

Seconds MomentsMilp::extra_seconds(const std::vector<double>& solution) const {
  const auto value = [&](const Expression& expression) {
    double sum = expression.constant;
    for (const Term& t : expression.terms) sum += t.coefficient * solution[t.variable.index()];
    return sum;
  };
  double seconds = 0;
  for (std::size_t o = 0; o < facts_.graph.ops().size(); ++o) {
    const OpId op(o);
    double runs = -value(ahead_[0][op]);
    for (std::size_t i = 0; i < count(); ++i) runs += value(runs_[i][op]);
    seconds += runs * facts_.seconds[op];
  }
  return Seconds(seconds);
}

}  // namespace rockmate
