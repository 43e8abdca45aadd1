// The one-moment bound: no plan within a budget is faster, since at some moment (the first run of
// one op) the bytes that it may keep are too few. See papers/bounds.md.
#pragma once

#include <limits>
#include <optional>
#include <stop_token>

#include "bounds/moment.h"
#include "rockmate/milp.h"
#include "schedule/runs.h"

namespace rockmate {

struct MomentOptions {
  const MilpSolver* solver = nullptr;  ///< sharpens the bound by a knapsack's gap
  /// Of a plan within the budget: programs that cannot prove it the best are left out.
  std::optional<Seconds> known = std::nullopt;
  /// So are those where prices alone give a bound that is by more than this share below `known`.
  double known_within = std::numeric_limits<double>::infinity();
  std::optional<Seconds> time_limit = std::nullopt;  ///< by the clock: not repeatable
  std::stop_token stop = {};
};

struct MomentBound {
  bool is_feasible = true;     ///< false: no plan exists within the budget; the rest means nothing
  Seconds seconds;             ///< no plan within the budget takes less
  std::optional<OpId> moment;  ///< whose first run gives the bound; absent if that is no more than
                               ///< the ops once each
  Runs start;  ///< a search may start here; executable, may need more than the budget
};

class MomentBounds {
 public:
  explicit MomentBounds(const TrainingGraph& graph);

  /// Every op once, each as fast as it can be: the bound for every budget.
  [[nodiscard]] MomentBound simplest() const;
  [[nodiscard]] MomentBound at(Bytes budget, const MomentOptions& options = {}) const;
  /// The integer program behind the bound at this budget; empty for a graph without ops.
  [[nodiscard]] MilpModel program(Bytes budget) const;
  [[nodiscard]] const MomentFacts& facts() const { return facts_; }

 private:
  struct Candidate;
  [[nodiscard]] std::vector<Candidate> sweep(Bytes budget, const MomentOptions& options) const;

  MomentFacts facts_;
  std::vector<OpId> moments_;  // worth looking at, by falling bytes in the plain iteration
};

}  // namespace rockmate
