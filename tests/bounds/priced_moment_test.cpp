// The bound of one moment, held against every schedule there is.

#include "bounds/priced_moment.h"

#include <gtest/gtest.h>

#include "support/exhaustive.h"
#include "support/random_graph.h"

namespace rockmate {
namespace {

// A front gives the least seconds at every budget.
TEST(PricedMoment, NeverExceedsTheOptimum) {
  int cases = 0, above_plain = 0;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    const int ops = 2 + static_cast<int>(seed % 4);
    const TrainingGraph graph = testing::random_graph(
        seed, {.forward_ops = ops, .updates = seed % 3 == 0, .statistics = seed % 5 == 0});
    const auto front = testing::exhaustive_front(graph, 10'000);
    if (!front) continue;
    const MomentFacts facts(graph);
    for (const testing::ParetoPoint& point : *front) {
      ++cases;
      double best = 0;
      for (std::size_t o = 0; o < graph.ops().size(); ++o) {
        const Moment moment(facts, OpId(o));
        const PricedBound bound = priced_bound(facts, moment, point.peak);
        ASSERT_TRUE(bound.is_feasible) << graph << "at " << point.peak;
        const double seconds = facts.fastest.count() + bound.extra_seconds;
        ASSERT_LE(seconds, point.seconds.count() + 1e-9)
            << graph << "at " << point.peak << ", moment " << graph[OpId(o)].name;
        best = std::max(best, bound.extra_seconds);
      }
      above_plain += best > 1e-6;
    }
  }
  EXPECT_GT(cases, 60);
  EXPECT_GT(above_plain, cases / 5);
}

TEST(PricedMoment, OfOpsThatTakeNoTimeIsNothing) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed, {.free_of_cost = true});
    const MomentFacts facts(graph);
    for (std::size_t o = 0; o < graph.ops().size(); ++o) {
      const Moment moment(facts, OpId(o));
      EXPECT_EQ(priced_bound(facts, moment, moment.fixed + Bytes(10)).extra_seconds, 0);
    }
  }
}

}  // namespace
}  // namespace rockmate
