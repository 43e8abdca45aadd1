// The pebble game held against every schedule there is, and against a formula on chains.

#include "bounds/pebble_game.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rockmate/schedule.h"
#include "support/exhaustive.h"
#include "support/revolve.h"

namespace rockmate {
namespace {

// The graph, and all points of its exact trade of bytes against seconds.
template <class Visit>
void for_each_point(std::uint64_t seeds, const Visit& visit) {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const TrainingGraph graph = testing::small_random_graph(seed);
    const auto front = testing::exhaustive_front(graph, 5'000);
    if (!front) continue;
    const MomentFacts facts(graph);
    for (const testing::ParetoPoint& point : *front) visit(facts, point);
  }
}

TEST(PebbleGame, NeverExceedsTheOptimumAndMostlyMeetsIt) {
  int cases = 0, met = 0;
  for_each_point(150, [&](const MomentFacts& facts, const testing::ParetoPoint& point) {
    const PebbleBound bound = pebble_bound(facts, point.peak);
    ASSERT_TRUE(bound.is_feasible) << facts.graph << "at " << point.peak;
    ASSERT_TRUE(bound.is_finished);
    ASSERT_LE(bound.seconds.count(), point.seconds.count() + 1e-9)
        << facts.graph << "at " << point.peak;
    EXPECT_GE(bound.seconds, facts.fastest);
    ++cases;
    met += bound.seconds.count() > point.seconds.count() - 1e-9;
  });
  EXPECT_GT(cases, 60);
  EXPECT_GT(met, cases * 6 / 10);
}

TEST(PebbleGame, HoldsWhereverItIsCutOff) {
  int below = 0;
  for_each_point(60, [&](const MomentFacts& facts, const testing::ParetoPoint& point) {
    Seconds last = facts.fastest;
    for (const std::uint64_t states : {1, 3, 10, 30, 100, 300, 1000}) {
      const PebbleBound bound = pebble_bound(facts, point.peak, {.most_states = states});
      ASSERT_LE(bound.seconds.count(), point.seconds.count() + 1e-9);
      EXPECT_GE(bound.seconds.count(), last.count() - 1e-9);
      below += !bound.is_finished;
      last = bound.seconds;
    }
  });
  EXPECT_GT(below, 100);
}

TEST(PebbleGame, FindsNothingFasterThanTheBestPlan) {
  for_each_point(100, [&](const MomentFacts& facts, const testing::ParetoPoint& point) {
    const Seconds alone = pebble_bound(facts, point.peak).seconds;
    const Seconds known(alone.count() * 1.02);
    const PebbleBound bound = pebble_bound(facts, point.peak, {.known = known});
    EXPECT_TRUE(bound.is_finished);
    EXPECT_NEAR(bound.seconds.count(), alone.count(), 1e-9);
    const PebbleBound proof = pebble_bound(facts, point.peak, {.known = alone});
    EXPECT_TRUE(proof.is_finished);
    EXPECT_NEAR(proof.seconds.count(), alone.count(), 1e-8 * alone.count());
  });
}

TEST(PebbleGame, KnowsABudgetThatNoPlanKeeps) {
  int refused = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const TrainingGraph graph = testing::small_random_graph(seed);
    const auto front = testing::exhaustive_front(graph, 5'000);
    if (!front) continue;
    const MomentFacts facts(graph);
    const PebbleBound bound = pebble_bound(facts, front->front().peak - Bytes(1));
    EXPECT_TRUE(bound.is_finished);
    refused += !bound.is_feasible;
  }
  EXPECT_GT(refused, 15);
}

// Half of 60 small values have to give way to a large one: in more ways than can be counted, of
// which none leads to anything that is fast enough to be kept.
TEST(PebbleGame, EndsWhereThereAreTooManyWaysToMakeRoom) {
  constexpr int kSmall = 60;
  const auto small = [](int i) { return fmt::format("small{}", i); };
  TrainingGraphBuilder b("wide");
  OpSpec gate{.name = "gate", .seconds = Seconds(1), .outputs = {"gate"}};
  for (int i = 0; i < kSmall; ++i) {
    b.value({.name = small(i), .bytes = Bytes(2)});
    b.op({.name = fmt::format("make{}", i), .seconds = Seconds(1), .outputs = {small(i)}});
    gate.inputs.push_back(small(i));
  }
  b.value({.name = "gate"}).value({.name = "large", .bytes = Bytes(kSmall)}).value({.name = "end"});
  b.op(std::move(gate));
  b.op({.name = "enlarge", .seconds = Seconds(1), .inputs = {"gate"}, .outputs = {"large"}});
  b.op({.name = "shrink",
        .phase = Phase::kLoss,
        .seconds = Seconds(1),
        .inputs = {"large"},
        .outputs = {"end"}});
  for (int i = 0; i < kSmall; ++i) {
    b.op({.name = fmt::format("use{}", i),
          .phase = Phase::kBackward,
          .seconds = Seconds(1),
          .inputs = {small(i), "end"}});
  }
  const TrainingGraph graph = std::move(b).build();
  const MomentFacts facts(graph);
  const Seconds known(facts.fastest.count() + 1);
  const PebbleBound bound =
      pebble_bound(facts, Bytes(2 * kSmall), {.known = known, .most_states = 1000});
  EXPECT_FALSE(bound.is_finished);
  EXPECT_LE(bound.seconds, known);
}

TEST(PebbleGame, UndoesAChainAsRevolveDoes) {
  for (const int length : {3, 5, 8, 10}) {
    const TrainingGraph graph = testing::revolve_chain(length);
    const MomentFacts facts(graph);
    for (const int slots : {1, 2, 3}) {
      // The input, the gradient, the values in the slots, and the one that moves along the chain.
      const Bytes budget(3 + slots);
      const PebbleBound bound = pebble_bound(facts, budget);
      EXPECT_TRUE(bound.is_finished);
      const double forward = bound.seconds.count() - length;
      EXPECT_EQ(forward, testing::revolve_runs(length, slots)) << length << " steps, " << slots;
    }
  }
}

}  // namespace
}  // namespace rockmate
