// Simulated annealing of a plan, with a price on bytes above the budget that follows the search.
#pragma once

#include "search/problem.h"
#include "search/search.h"

namespace rockmate::search {

/// Ends at the work limit, the time limit, a stop, or a plan that meets the lower bound.
[[nodiscard]] SearchResult anneal(const Problem& problem, Bytes budget, const Runs& start,
                                  const SearchOptions& options);

}  // namespace rockmate::search
