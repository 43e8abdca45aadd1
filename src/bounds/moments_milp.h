// An integer program whose optimum no schedule within the budget can go below: bytes are counted at
// a few moments, each of which is an ancestor of the next, and nowhere else. With one moment it is
// a knapsack over a closure; with every op a moment it would be Checkmate's program.
#pragma once

#include <set>
#include <vector>

#include "bounds/moment.h"
#include "rockmate/milp.h"

namespace rockmate {

class MomentsMilp {
 public:
  /// The moments stand in the order of their ops' first runs: each op is an ancestor of the next.
  MomentsMilp(const MomentFacts& facts, std::vector<Moment> moments, Bytes budget);

  /// Cost in thousandths of the fastest iteration, bytes in units that make small whole numbers
  /// where that is possible.
  [[nodiscard]] const MilpModel& model() const { return model_; }
  [[nodiscard]] const std::vector<Moment>& moments() const { return moments_; }

  /// Seconds of recomputation that a solver has proven to be needed.
  [[nodiscard]] Seconds proven_seconds(const MilpResult& result) const;
  /// The storages that a solution keeps across the moment.
  [[nodiscard]] std::set<ValueId> kept(const std::vector<double>& solution,
                                       std::size_t moment) const;

 private:
  // constant + sum of terms
  struct Expression {
    double constant = 0;
    std::vector<Term> terms;
    Expression& add(const Expression& other, double factor = 1);
  };

  [[nodiscard]] Seconds extra_seconds(const std::vector<double>& solution) const;
  void add_op_variables(OpId op);
  void add_storage_variables(ValueId storage);
  void order_op(OpId op);
  void require_needs(OpId op);
  void carry(ValueId storage);
  void limit_bytes(std::size_t moment, Bytes budget);
  // expression >= 0, unless it holds anyway
  void require(const char* rule, const std::string& name, Expression expression);
  Expression binary(const char* what, const std::string& name, std::size_t at, double cost);
  [[nodiscard]] std::size_t count() const { return moments_.size(); }

  const MomentFacts& facts_;
  std::vector<Moment> moments_;
  double unit_cost_;
  MilpModel model_;
  // By moment (0, 1, ...), and for `runs_` the stage from it to the next or the end.
  std::vector<IdVector<OpId, Expression>> ahead_;    // a: runs first after the moment
  std::vector<IdVector<OpId, Expression>> runs_;     // l: runs in the stage
  std::vector<IdVector<ValueId, Expression>> kept_;  // k: lives at the moment
};

}  // namespace rockmate
