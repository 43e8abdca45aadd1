// Multisets of strategies: against all multisets of tiny cases, against uniform ones, and run in
// the simulator.
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "pipeline/in_flight.h"
#include "support/stage_chains.h"

namespace rockmate {
namespace {

using testing::random_chain;

constexpr double kNone = std::numeric_limits<double>::infinity();

StageRange whole(const StageChain& chain) { return {0, chain.blocks.size() - 1}; }

// All multisets of `slots` points, by recursion.
double best_of_all(const rotor::Staircase& points, std::size_t first, std::size_t slots,
                   std::int64_t transient, std::int64_t room) {
  if (slots == 0) return 0;
  double best = kNone;
  for (std::size_t i = first; i < points.size(); ++i) {
    const std::int64_t saved = points[i].bytes - transient;
    if (saved > room) break;
    best = std::min(best,
                    points[i].seconds + best_of_all(points, i, slots - 1, transient, room - saved));
  }
  return best;
}

TEST(InFlight, IsTheBestOfAllMultisets) {
  std::size_t feasible = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const StageChain chain = random_chain(1 + seed % 4, 2, seed);
    const Segments segments(chain);
    InFlight planner(segments);
    const std::size_t slots = 1 + seed % 4;
    for (std::int64_t memory = 20; memory < 200; memory += 20) {
      double expected = kNone;
      for (const std::int64_t transient : planner.transients()) {
        const std::int64_t room =
            memory - transient - static_cast<std::int64_t>(slots) * chain.input.count();
        const auto& points = planner.one(whole(chain), transient);
        expected = std::min(expected, best_of_all(points, 0, slots, transient, room));
      }
      const auto plan = planner.best(whole(chain), slots, Bytes(memory));
      ASSERT_EQ(plan ? plan->seconds.count() : kNone, expected) << seed << " " << memory;
      feasible += plan.has_value();
    }
  }
  EXPECT_GT(feasible, 100u);
}

// Thinned or not, and infinite only where nothing fits.
TEST(InFlight, NoMultisetGoesBelowTheLeast) {
  std::size_t compared = 0, above_plain = 0;
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    const StageChain chain = random_chain(1 + seed % 7, 3, seed);
    const Segments segments(chain), coarse(chain, 0.05);
    InFlight planner(segments);
    const InFlight bounds(coarse);
    const std::size_t slots = 1 + seed % 4;
    const double plain = planner.least(whole(chain), slots, Bytes(1'000'000)).count();
    for (std::int64_t memory = 20; memory < 300; memory += 20) {
      const auto plan = planner.best(whole(chain), slots, Bytes(memory));
      if (!plan) continue;
      const double mean = plan->seconds.count() / static_cast<double>(slots);
      for (const InFlight* bound : {static_cast<const InFlight*>(&planner), &bounds}) {
        const double least = bound->least(whole(chain), slots, Bytes(memory)).count();
        EXPECT_LE(least, mean * (1 + 1e-12)) << seed << " " << memory;
        above_plain += least > plain * (1 + 1e-9);
      }
      ++compared;
    }
  }
  EXPECT_GT(compared, 300u);
  EXPECT_GT(above_plain, 100u);
}

// Memory of one strategy for all slots, from its own replay.
TEST(InFlight, IsNeverWorseThanOneStrategyForAll) {
  std::size_t compared = 0;
  double uniform_overhead = 0, mixed_overhead = 0;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    const StageChain chain = random_chain(2 + seed % 6, 3, seed);
    const Segments segments(chain);
    InFlight planner(segments);
    const std::size_t slots = 2 + seed % 4;
    const auto count = static_cast<std::int64_t>(slots);
    const double plain =
        planner.best(whole(chain), 1, Bytes(1'000'000))->seconds.count() * double(slots);
    for (const std::int64_t memory : {60 * count, 90 * count, 120 * count}) {
      double uniform = kNone;
      for (const std::int64_t transient : planner.transients()) {
        const std::int64_t room = memory - transient - count * chain.input.count();
        if (room < 0) break;
        const auto& points = planner.one(whole(chain), transient);
        const auto at = rotor::last_within(points, room / count + transient);
        if (at < 0) continue;
        uniform = std::min(uniform, double(slots) * points[static_cast<std::size_t>(at)].seconds);
      }
      const auto plan = planner.best(whole(chain), slots, Bytes(memory));
      const auto quick = planner.quick(whole(chain), slots, Bytes(memory));
      ASSERT_TRUE(plan.has_value() || !quick.has_value());
      if (!plan) {
        EXPECT_EQ(uniform, kNone);
        continue;
      }
      EXPECT_LE(plan->seconds.count(), uniform);
      if (quick) {
        EXPECT_LE(plan->seconds.count(), quick->count() * double(slots) * (1 + 1e-12));
      }
      if (uniform == kNone) continue;
      ++compared;
      uniform_overhead += uniform / plain - 1;
      mixed_overhead += plan->seconds.count() / plain - 1;
    }
  }
  EXPECT_GE(compared, 300u);
  EXPECT_LT(mixed_overhead, uniform_overhead);
  RecordProperty("cases", static_cast<int>(compared));
  RecordProperty("mean_overhead_uniform_percent",
                 std::to_string(100 * uniform_overhead / double(compared)));
  RecordProperty("mean_overhead_mixed_percent",
                 std::to_string(100 * mixed_overhead / double(compared)));
}

// Two stages of equal chains under 1F1B: slots in turn on the first, which holds two at once.
TEST(InFlight, FitsWhenItRuns) {
  std::size_t ran = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const StageChain chain = random_chain(2 + seed % 5, 2, seed);
    const Segments segments(chain);
    InFlight planner(segments);
    const Bytes memory(static_cast<std::int64_t>(80 + 2 * seed));
    const auto plan = planner.best(whole(chain), 2, memory);
    if (!plan) continue;
    ++ran;
    Pipeline pipeline;
    pipeline.micro_batches = 7;
    pipeline.cluster.devices.resize(2);
    pipeline.stages.resize(2);
    for (std::uint32_t slot = 0; slot < 2; ++slot) {
      pipeline.stages[slot].rank = slot;
      pipeline.stages[0].strategies.push_back(
          strategies_of(chain, whole(chain), plan->slots[slot])[0]);
    }
    pipeline.stages[1].strategies = {pipeline.stages[0].strategies[0]};
    // What the first stage gets from outside, as bytes that each micro-batch holds.
    for (StageStrategy& strategy : pipeline.stages[0].strategies) {
      for (Bytes* bytes : {&strategy.saved, &strategy.forward_peak, &strategy.backward_peak}) {
        *bytes += chain.input;
      }
      strategy.backward_peak += chain.blocks.back().gradient;
    }
    pipeline.rows = pipeline_rows(PipelineFamily::kOneForwardOneBackward, 2, 2, 7);
    for (StageAction& action : pipeline.rows[0]) {
      if (action.verb == StageVerb::kForward) action.strategy = action.micro_batch % 2;
    }
    const auto trace = simulate(pipeline);
    ASSERT_TRUE(trace.has_value()) << trace.error().message;
    EXPECT_LE(trace->ranks[0].peak, memory) << seed;
  }
  EXPECT_GT(ran, 50u);
}

}  // namespace
}  // namespace rockmate
