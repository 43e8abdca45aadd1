#include "search/search.h"

#include <gtest/gtest.h>

#include "rockmate/schedule.h"
#include "support/random_graph.h"

namespace rockmate {
namespace {

using testing::random_graph;

Bytes plain_peak(const TrainingGraph& graph) {
  return simulate(graph, plain_schedule(graph))->peak;
}
Bytes share_of(const TrainingGraph& graph, int percent) {
  const std::int64_t fixed = graph.static_bytes().count();
  return Bytes(fixed + (plain_peak(graph).count() - fixed) * percent / 100);
}

TEST(Search, ReturnsPlansThatTheJudgeConfirms) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const TrainingGraph graph = random_graph(seed, {.forward_ops = 10});
    const Bytes budget = share_of(graph, 50 + static_cast<int>(seed % 5) * 10);
    const SearchResult found =
        improve(graph, budget, program_order(graph), {.seed = seed, .work_limit = 3000});
    const auto trace =
        simulate(graph, schedule_from_runs(graph, found.runs, TakeOver::kWhereEqual));
    ASSERT_TRUE(trace) << "graph " << seed << ": " << trace.error();
    EXPECT_EQ(trace->peak, found.peak) << "graph " << seed;
    EXPECT_NEAR(trace->seconds.count(), found.seconds.count(), 1e-9) << "graph " << seed;
    EXPECT_EQ(found.feasible, found.peak <= budget) << "graph " << seed;
  }
}

TEST(Search, FindsTheSameForTheSameSeedAndWork) {
  const TrainingGraph graph = random_graph(7, {.forward_ops = 20});
  const SearchOptions options{.seed = 3, .work_limit = 5000};
  const Bytes budget = share_of(graph, 60);
  const SearchResult a = improve(graph, budget, program_order(graph), options);
  const SearchResult b = improve(graph, budget, program_order(graph), options);
  EXPECT_EQ(a.runs, b.runs);
  EXPECT_EQ(a.moves, b.moves);
}

}  // namespace
}  // namespace rockmate
