// The integer program of one moment: no schedule within the budget recomputes for less time than
// its optimum. A knapsack over a closure, whose relaxation is the priced bound of priced_moment.h.
#pragma once

#include <set>
#include <vector>

#include "bounds/moment.h"
#include "rockmate/milp.h"

namespace rockmate {

class MomentProgram {
 public:
  MomentProgram(const MomentFacts& facts, const Moment& moment, Bytes budget);

  /// Cost in thousandths of the fastest iteration, bytes in units that make small whole numbers
  /// where that is possible.
  [[nodiscard]] const MilpModel& model() const { return model_; }
  /// Seconds of recomputation that a solver has proven to be needed.
  [[nodiscard]] Seconds proven_seconds(const MilpResult& result) const;
  /// The storages that a solution keeps across the moment.
  [[nodiscard]] std::set<ValueId> kept(const std::vector<double>& solution) const;

 private:
  // constant + sum of terms
  struct Expression {
    double constant = 0;
    std::vector<Term> terms;
    Expression& add(const Expression& other, double factor = 1);
    [[nodiscard]] double of(const std::vector<double>& solution) const;
  };

  void add_variables(OpId op);
  void add_variable(ValueId storage);
  void order(OpId op);
  void require_needs(OpId op);
  void limit_bytes(Bytes budget);
  Expression binary(const char* what, const std::string& name, double cost);
  // expression >= 0, unless it holds anyway
  void require(const char* rule, const std::string& name, Expression expression);
  // storage was kept, or is made later, if `used`
  void require_made(const char* rule, ValueId storage, const Expression& used);

  const MomentFacts& facts_;
  const Moment& moment_;
  double unit_cost_;
  MilpModel model_;
  IdVector<OpId, Expression> ahead_;    // a: runs first after the moment
  IdVector<OpId, Expression> later_;    // l: runs after the moment
  IdVector<ValueId, Expression> kept_;  // k: lives at the moment
};

}  // namespace rockmate
