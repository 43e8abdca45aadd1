#include "rotor/chen_sqrt.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/chain_graph.h"
#include "support/random_graph.h"

namespace rockmate::rotor {
namespace {

Runs segments_of(const TrainingGraph& graph, const Chain& chain, std::size_t segments) {
  return chen_segments(graph, chain, ChainCosts(graph, chain), segments);
}

TEST(ChenSqrt, OneSegmentIsThePlainIteration) {
  const TrainingGraph graph = testing::chain_graph(9, 1);
  EXPECT_EQ(segments_of(graph, finest_chain(graph), 1), program_order(graph));
}

TEST(ChenSqrt, RunsEveryForwardOpOnceMoreOutsideTheLastSegment) {
  const TrainingGraph graph = testing::chain_graph(9, 1);
  const Runs runs = segments_of(graph, finest_chain(graph), 3);
  for (std::size_t i = 0; i < 9; ++i) {
    const auto count = std::count(runs.begin(), runs.end(), rockmate::Run{OpId(i)});
    EXPECT_EQ(count, i < 6 ? 2 : 1) << "op " << i;
  }
}

// Equal layers: about the square root of the memory at about sqrt(n) segments.
TEST(ChenSqrt, TakesFarLessMemoryWithSomeSegments) {
  const TrainingGraph graph = testing::chain_graph(36, 2);
  const Chain chain = finest_chain(graph);
  const auto peak = [&](std::size_t segments) {
    const auto trace =
        simulate(graph, schedule_from_runs(graph, segments_of(graph, chain, segments)));
    EXPECT_TRUE(trace.has_value());
    return trace->peak.count();
  };
  EXPECT_LT(peak(6), peak(1) / 2);
}

TEST(ChenSqrt, IsExecutableOnOddGraphs) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed);
    const Chain chain = finest_chain(graph);
    for (std::size_t segments = 1; segments <= chain.blocks.size(); ++segments) {
      const auto trace =
          simulate(graph, schedule_from_runs(graph, segments_of(graph, chain, segments)));
      ASSERT_TRUE(trace.has_value()) << "seed " << seed << ": " << trace.error();
    }
  }
}

}  // namespace
}  // namespace rockmate::rotor
