// Direct and global rematerialization of a stage: the hand case, all plans of tiny chains, and
// replays of plans on random chains.
#include <gtest/gtest.h>

#include <limits>

#include "support/stage_chains.h"

namespace rockmate {
namespace {

using testing::for_each_plan;
using testing::hand_chain;
using testing::random_chain;
using testing::replay;
using testing::Replay;

constexpr double kNone = std::numeric_limits<double>::infinity();

StageRange whole(const StageChain& chain) { return {0, chain.blocks.size() - 1}; }

double seconds_of(const std::optional<StagePlan>& plan) {
  return plan ? plan->seconds.count() : kNone;
}

TEST(StagePlan, TheHandCase) {
  const Segments segments(hand_chain(2));
  const StageRange range = {0, 1};
  const auto direct = [&](int memory) {
    return seconds_of(plan_direct(segments, range, 2, Bytes(memory)));
  };
  const auto global = [&](int memory) {
    return seconds_of(plan_global(segments, range, 2, Bytes(memory)));
  };
  EXPECT_EQ(direct(15), kNone);
  EXPECT_EQ(direct(16), 14);
  EXPECT_EQ(direct(21), 14);
  EXPECT_EQ(direct(22), 12);
  EXPECT_EQ(global(8), kNone);
  EXPECT_EQ(global(9), 16);
  EXPECT_EQ(global(12), 14);
  EXPECT_EQ(global(16), 13);
  EXPECT_EQ(global(20), 12);
}

// The fastest of all plans whose replay stays within each number of bytes.
std::vector<double> fastest_by_bytes(const StageChain& chain, std::size_t m, std::size_t most) {
  std::vector<double> fastest(most + 1, kNone);
  for_each_plan(chain, m, [&](const std::vector<StageStep>& steps) {
    const Replay replayed = replay(chain, m, steps);
    for (auto b = static_cast<std::size_t>(replayed.peak); b <= most; ++b) {
      fastest[b] = std::min(fastest[b], replayed.seconds);
    }
  });
  return fastest;
}

TEST(StagePlan, GlobalIsTheBestOfAllPlansOfTinyChains) {
  struct Size {
    std::size_t blocks, candidates, micro_batches, seeds;
  };
  for (const Size& size : {Size{1, 2, 3, 10},
                           {2, 2, 1, 20},
                           {2, 2, 2, 15},
                           {3, 2, 1, 15},
                           {2, 1, 3, 8},
                           {3, 1, 2, 6},
                           {4, 1, 1, 10}}) {
    for (std::uint64_t seed = 0; seed < size.seeds; ++seed) {
      const StageChain chain = random_chain(size.blocks, size.candidates, seed);
      const Segments segments(chain);
      const std::vector<double> fastest = fastest_by_bytes(chain, size.micro_batches, 160);
      for (std::size_t bytes = 0; bytes < fastest.size(); ++bytes) {
        const auto plan = plan_global(segments, whole(chain), size.micro_batches,
                                      Bytes(static_cast<std::int64_t>(bytes)));
        ASSERT_EQ(seconds_of(plan), fastest[bytes])
            << size.blocks << " blocks, " << size.micro_batches << " micro-batches, seed " << seed
            << ", " << bytes << " bytes";
      }
    }
  }
}

TEST(StagePlan, DirectIsTheBestPlanOfOneMicroBatchWithItsShare) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const StageChain chain = random_chain(2, 2, seed);
    const Segments segments(chain);
    const std::vector<double> fastest = fastest_by_bytes(chain, 1, 80);
    for (std::size_t bytes = 0; bytes <= 240; bytes += 7) {
      const auto plan =
          plan_direct(segments, whole(chain), 3, Bytes(static_cast<std::int64_t>(bytes)));
      EXPECT_EQ(seconds_of(plan), 3 * fastest[bytes / 3]) << seed << " " << bytes;
    }
  }
}

void expect_sound(const StageChain& chain, std::size_t m, const StagePlan& plan, Bytes memory) {
  const Replay replayed = replay(chain, m, plan.steps);
  EXPECT_EQ(replayed.seconds, plan.seconds.count());
  EXPECT_LE(replayed.peak, memory.count());
  EXPECT_EQ(replayed.receives, m);
}

TEST(StagePlan, RandomCasesHoldAllPromises) {
  std::size_t compared = 0;
  double direct_overhead = 0, global_overhead = 0;
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    const std::size_t blocks = 1 + seed % 8, m = 1 + seed / 8 % 6;
    const StageChain chain = random_chain(blocks, 3, seed);
    const Segments segments(chain);
    const double plain = plan_global(segments, whole(chain), m, Bytes(1'000'000))->seconds.count();
    double before = kNone;
    for (std::int64_t memory = 20; memory < 250 * static_cast<std::int64_t>(m); memory += 60) {
      const auto direct = plan_direct(segments, whole(chain), m, Bytes(memory));
      const auto global = plan_global(segments, whole(chain), m, Bytes(memory));
      EXPECT_LE(seconds_of(global), seconds_of(direct)) << seed;
      EXPECT_LE(seconds_of(global), before) << "more memory is never slower";
      before = seconds_of(global);
      if (m == 1) {
        EXPECT_EQ(seconds_of(global), seconds_of(direct)) << seed;
      }
      if (global) expect_sound(chain, m, *global, Bytes(memory));
      if (!direct) continue;
      expect_sound(chain, m, *direct, Bytes(memory));
      ++compared;
      direct_overhead += direct->seconds.count() / plain - 1;
      global_overhead += global->seconds.count() / plain - 1;
    }
  }
  EXPECT_GE(compared, 500u);
  const auto count = static_cast<double>(compared);
  RecordProperty("cases", static_cast<int>(compared));
  RecordProperty("mean_overhead_direct_percent", std::to_string(100 * direct_overhead / count));
  RecordProperty("mean_overhead_global_percent", std::to_string(100 * global_overhead / count));
  EXPECT_LT(global_overhead, direct_overhead);
}

TEST(StagePlan, ARangeIsAChainOfItsOwn) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const StageChain all = random_chain(6, 2, seed);
    StageChain part;
    part.input = all.input_before(2);
    part.input_gradient = all.gradient_before(2);
    part.blocks.assign(all.blocks.begin() + 2, all.blocks.begin() + 5);
    const Segments of_all(all), of_part(part);
    for (int memory = 30; memory < 300; memory += 30) {
      const auto plan = plan_global(of_all, {2, 4}, 3, Bytes(memory));
      EXPECT_EQ(seconds_of(plan), seconds_of(plan_global(of_part, {0, 2}, 3, Bytes(memory))));
    }
  }
}

// As a stage of a pipeline, a plan's strategies take the same time and bytes as the plan itself.
TEST(StagePlan, StrategiesAddUpInTheSimulator) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const std::size_t m = 1 + seed % 5;
    const StageChain chain = random_chain(1 + seed % 6, 2, seed);
    const Segments segments(chain);
    const Bytes memory(static_cast<std::int64_t>(40 + seed * 2));
    const auto plan = plan_global(segments, whole(chain), m, memory);
    if (!plan) continue;
    Pipeline pipeline;
    pipeline.micro_batches = m;
    pipeline.cluster.devices.resize(1);
    pipeline.stages.resize(1);
    pipeline.stages[0].strategies = strategies_of(chain, whole(chain), plan->steps);
    pipeline.rows = pipeline_rows(PipelineFamily::kGPipe, 1, 1, m);
    for (std::uint32_t k = 0; k < m; ++k) pipeline.rows[0][k].strategy = k;
    const auto trace = simulate(pipeline);
    ASSERT_TRUE(trace.has_value()) << trace.error().message;
    EXPECT_DOUBLE_EQ(trace->makespan.count(), plan->seconds.count());
    // A single stage has no messages: inputs and the last gradient are not counted.
    EXPECT_LE(trace->ranks[0].peak, memory);
  }
}

TEST(StagePlan, SplitWeightGradientsTakeTheSameTime) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const StageChain chain = random_chain(1 + seed % 6, 2, seed);
    const Segments segments(chain);
    const auto plan = plan_global(segments, whole(chain), 2, Bytes(120));
    if (!plan) continue;
    const auto joined = strategies_of(chain, whole(chain), plan->steps);
    const auto split = strategies_of(chain, whole(chain), plan->steps, WeightGradients::kSplit);
    for (std::size_t k = 0; k < 2; ++k) {
      EXPECT_DOUBLE_EQ(split[k].backward().count(), joined[k].backward().count());
      EXPECT_EQ(joined[k].for_weights, Bytes());
      EXPECT_GE(split[k].backward_peak, joined[k].backward_peak);
    }
  }
}

}  // namespace
}  // namespace rockmate
