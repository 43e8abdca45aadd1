// Looks for a packing within a capacity by depth-first search: exact when it ends, and cut off by
// a limit of work otherwise.
#pragma once

#include <optional>

#include "schedule/pack_greedy.h"
#include "schedule/pack_problem.h"

namespace rockmate {

enum class SearchEnd : std::uint8_t { kFound, kNoneExists, kOutOfWork };

struct SearchResult {
  SearchEnd end = SearchEnd::kOutOfWork;
  Placement placement;  ///< where one was found
};

/// Items beyond which the search is not worth its cost (it recurses once per item, too).
inline constexpr std::size_t kMostSearchedItems = 2500;

/// Searches for a placement no higher than `capacity`; `order` says which of several items that
/// could lie lowest is tried first. At most kMostSearchedItems items.
[[nodiscard]] SearchResult search_placement(const PackProblem& problem, Bytes capacity,
                                            const PackOrder& order, WorkMeter& work);

}  // namespace rockmate
