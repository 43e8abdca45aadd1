// Looks for a packing within a capacity by depth-first search: exact when it ends, and cut off by
// a limit of work otherwise.
#pragma once

#include <cstdint>

#include "schedule/pack_problem.h"

namespace rockmate {

enum class SearchEnd : std::uint8_t { kFound, kNoneExists, kOutOfWork };

struct SearchResult {
  SearchEnd end = SearchEnd::kOutOfWork;
  Placement placement;  ///< where one was found
};

/// Which of several items that could lie lowest is tried first: the one with the larger first key,
/// then the larger second one, and so on. The load is that of what is yet to be placed.
enum class SearchRule : std::uint8_t { kDurationAreaLoad, kLoadAreaDuration, kLoadDurationArea };
inline constexpr SearchRule kSearchRules[] = {
    SearchRule::kDurationAreaLoad, SearchRule::kLoadAreaDuration, SearchRule::kLoadDurationArea};

/// Items beyond which the search is not worth its cost (it recurses once per item, too).
inline constexpr std::size_t kMostSearchedItems = 2500;

/// Searches for a placement no higher than `capacity`, of at most kMostSearchedItems items. A step
/// costs the sum of the widths of the items that are left.
[[nodiscard]] SearchResult search_placement(const PackProblem& problem, Bytes capacity,
                                            SearchRule rule, WorkMeter& work);

}  // namespace rockmate
