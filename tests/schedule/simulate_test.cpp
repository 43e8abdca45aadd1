#include <gtest/gtest.h>

#include "schedule/runs.h"
#include "support/random_graph.h"

namespace rockmate {
namespace {

TEST(Simulate, AcceptsThePlainScheduleOfRandomGraphs) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed);
    const auto trace = simulate(graph, plain_schedule(graph));
    ASSERT_TRUE(trace.has_value()) << "seed " << seed << ": " << trace.error();
    EXPECT_EQ(trace->seconds, graph.plain_seconds());
  }
}

}  // namespace
}  // namespace rockmate
