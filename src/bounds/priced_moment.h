// One moment with a price on its bytes: the cheapest way through it is a minimum cut, and the best
// price gives the bound of the relaxed integer program. No solver is needed, and no rounding can
// make the bound too high: capacities are whole numbers, rounded down.
#pragma once

#include <set>

#include "bounds/moment.h"

namespace rockmate {

struct PricedBound {
  bool is_feasible = true;   ///< false: no schedule has so few bytes at the moment
  double extra_seconds = 0;  ///< every schedule within the budget recomputes at least so long
  std::set<ValueId> kept;    ///< storages that a solution near the bound keeps, within the budget
  double kept_seconds = 0;   ///< that it recomputes; no whole-number bound at the moment is higher
};

/// Takes about ten minimum cuts on as many nodes as the graph has ops and values. `worth`: stop as
/// soon as the bound cannot be raised above it.
[[nodiscard]] PricedBound priced_bound(const MomentFacts& facts, const Moment& moment, Bytes budget,
                                       double worth = 0);

}  // namespace rockmate
