// On tiny graphs the search is held against every schedule there is.

#include <gtest/gtest.h>

#include "rockmate/schedule.h"
#include "search/search.h"
#include "support/exhaustive.h"
#include "support/random_graph.h"

namespace rockmate {
namespace {

struct Tally {
  int cases = 0, optimal = 0, missed = 0;  // missed: a plan exists, none was found
};

// At the budget of each point where time is traded for memory: never below the optimum, and how
// often at it.
void weigh(const TrainingGraph& graph, Tally& tally) {
  const auto front = testing::exhaustive_front(graph, 20'000);
  if (!front) return;
  for (const testing::ParetoPoint& point : *front) {
    const SearchResult found = improve(graph, point.peak, program_order(graph),
                                       {.work_limit = 20'000, .lower_bound = point.seconds});
    ++tally.cases;
    if (!found.feasible) {
      ++tally.missed;
      continue;
    }
    const double gap = found.seconds.count() - point.seconds.count();
    EXPECT_GE(gap, -1e-9) << graph << "at " << point.peak;
    tally.optimal += gap < 1e-9;
  }
}

TEST(SearchOptimum, IsReachedOnTinyGraphs) {
  Tally tally;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    // In-place pairs of unequal size and implementations of another numeric class are no moves of
    // the search, so the oracle must not have them either.
    weigh(testing::random_graph(seed, {.forward_ops = 4,
                                       .updates = seed % 2 == 0,
                                       .in_place = false,
                                       .implementations = false}),
          tally);
  }
  EXPECT_GT(tally.cases, 45);
  // What is left: a result can be made again at the end only if an update that the plan has early
  // moves behind it, two changes of which the first one alone costs bytes.
  EXPECT_LE(tally.missed, 1);
  EXPECT_GE(tally.optimal, tally.cases - 2);
}

TEST(SearchOptimum, IsNeverBeatenWithInPlaceAndImplementations) {
  Tally tally;
  for (std::uint64_t seed = 0; seed < 25; ++seed) {
    weigh(testing::random_graph(seed, {.forward_ops = 4, .updates = false}), tally);
  }
  EXPECT_GT(tally.optimal, tally.cases / 2);
}

}  // namespace
}  // namespace rockmate
