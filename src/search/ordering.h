// Simulated annealing of the order of runs, for as few bytes above the budget as can be.
#pragma once

#include "search/problem.h"
#include "search/search.h"

namespace rockmate::search {

/// Ends at the work limit, the time limit, a stop, or an order that fits.
[[nodiscard]] Runs anneal_order(const Problem& problem, Bytes budget, const Runs& start,
                                const ReorderOptions& options);

}  // namespace rockmate::search
