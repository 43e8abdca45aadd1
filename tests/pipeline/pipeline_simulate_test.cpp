// The simulator against a naive one on random unequal pipelines, and at scale.
#include <gtest/gtest.h>

#include "support/pipelines.h"

namespace rockmate {
namespace {

using testing::naive_ends;
using testing::naive_peaks;
using testing::random_pipeline;
using testing::unit_pipeline;

TEST(Simulate, AgreesWithLongestPathsOnRandomPipelines) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const Pipeline lowered = with_communication(random_pipeline(seed));
    ASSERT_FALSE(check_rows(lowered)) << seed << ": " << check_rows(lowered)->message;
    const auto trace = simulate(lowered);
    ASSERT_TRUE(trace.has_value());
    const auto ends = naive_ends(lowered);
    double makespan = 0;
    for (std::size_t r = 0; r < ends.size(); ++r) {
      std::size_t next = 0;
      for (std::size_t i = 0; i < ends[r].size(); ++i) {
        makespan = std::max(makespan, ends[r][i]);
        if (!is_compute(lowered.rows[r][i].verb)) continue;
        const TimedAction& timed = trace->ranks[r].actions[next++];
        ASSERT_EQ(timed.action, lowered.rows[r][i]);
        ASSERT_NEAR(timed.end.count(), ends[r][i], 1e-9) << "seed " << seed << " rank " << r;
      }
      ASSERT_EQ(next, trace->ranks[r].actions.size());
    }
    ASSERT_NEAR(trace->makespan.count(), makespan, 1e-9) << seed;
  }
}

TEST(Simulate, PeaksAgreeWithLifetimesOnRandomPipelines) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Pipeline lowered = with_communication(random_pipeline(seed));
    const auto trace = simulate(lowered);
    ASSERT_TRUE(trace.has_value());
    const auto peaks = naive_peaks(lowered);
    for (std::size_t r = 0; r < peaks.size(); ++r) {
      EXPECT_EQ(trace->ranks[r].peak.count(), peaks[r]) << "seed " << seed << " rank " << r;
      EXPECT_EQ(trace->ranks[r].memory.back().bytes, trace->ranks[r].static_bytes)
          << "seed " << seed << ": everything is given back";
    }
  }
}

TEST(Simulate, RowsWithoutCommunicationGetIt) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Pipeline pipeline = random_pipeline(seed);
    EXPECT_EQ(simulate(pipeline)->makespan, simulate(with_communication(pipeline))->makespan);
  }
}

TEST(Simulate, AMessageTakesItsBytesAndItsLatency) {
  Pipeline pipeline = unit_pipeline(PipelineFamily::kGPipe, 2, 1, 1);
  pipeline.stages[1].input = Bytes(100);
  pipeline.stages[1].input_gradient = Bytes(50);
  pipeline.cluster.bytes_per_second = 50;
  pipeline.cluster.latency = Seconds(0.25);
  // F, 2 s and the latency, F, B = 2, 1 s and the latency, B = 2.
  EXPECT_DOUBLE_EQ(simulate(pipeline)->makespan.count(), 1 + 2.25 + 1 + 2 + 1.25 + 2);
}

TEST(Simulate, UpdatesComeLast) {
  Pipeline pipeline = unit_pipeline(PipelineFamily::kOneForwardOneBackward, 2, 1, 2);
  const double before = simulate(pipeline)->makespan.count();
  pipeline.stages[0].update = Seconds(5);
  EXPECT_DOUBLE_EQ(simulate(pipeline)->makespan.count(), before + 5);
}

TEST(Simulate, ManyDevicesAndMicroBatches) {
  Pipeline pipeline = unit_pipeline(PipelineFamily::kOneForwardOneBackward, 64, 1, 512);
  pipeline.cluster.latency = Seconds(0.001);
  const auto trace = simulate(pipeline);
  ASSERT_TRUE(trace.has_value());
  EXPECT_GT(trace->makespan.count(), 3 * (512 + 63));
  EXPECT_EQ(trace->transfers.size(), 2u * 63 * 512);
}

}  // namespace
}  // namespace rockmate
