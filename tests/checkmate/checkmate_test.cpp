// The planner on whole iterations against exhaustive search and published optima, and the sweep of
// a block against all of its choices.

#include "checkmate/checkmate.h"

#include <gtest/gtest.h>

#include "checkmate/candidates.h"
#include "rotor/rotor.h"
#include "support/chain_graph.h"
#include "support/exhaustive.h"
#include "support/files.h"
#include "support/random_graph.h"

namespace rockmate::checkmate {
namespace {

TEST(Checkmate, FindsTheOptimumInProgramOrderOnSmallGraphs) {
  if (linked_solvers().empty()) GTEST_SKIP() << "no solver is linked";
  const auto solver = make_solver(linked_solvers().front());
  std::size_t compared = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const TrainingGraph graph = testing::random_graph(
        seed, {.forward_ops = 3, .in_place = false, .implementations = false});
    const auto front = testing::exhaustive_front(graph, 60'000, testing::RunOrder::kStages);
    if (!front) continue;
    for (const testing::ParetoPoint& point : *front) {
      const CheckmateResult found = checkmate_within(graph, point.peak, *solver, {});
      ASSERT_TRUE(found.runs.has_value()) << "seed " << seed << " at " << point.peak;
      const auto trace =
          simulate(graph, schedule_from_runs(graph, *found.runs, TakeOver::kWhereEqual));
      ASSERT_TRUE(trace.has_value()) << trace.error();
      EXPECT_LE(trace->peak, point.peak);
      EXPECT_NEAR(trace->seconds.count(), point.seconds.count(), 1e-6) << "seed " << seed;
      EXPECT_LE(found.bound.count(), point.seconds.count() + 1e-6) << "seed " << seed;
      ++compared;
    }
    const CheckmateResult none =
        checkmate_within(graph, front->front().peak - Bytes(1), *solver, {});
    EXPECT_FALSE(none.runs.has_value()) << "seed " << seed;
  }
  EXPECT_GT(compared, 40U);
}

// Rounding alone: every answer keeps the budget and no bound lies above the optimum.
TEST(Checkmate, RoundsTheRelaxationOfLargerGraphs) {
  if (linked_solvers().empty()) GTEST_SKIP() << "no solver is linked";
  const auto solver = make_solver(linked_solvers().front());
  std::size_t found_again = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const TrainingGraph graph =
        testing::random_graph(seed, {.forward_ops = 8, .implementations = false});
    const auto plain = simulate(graph, plain_schedule(graph));
    for (const double share : {0.95, 0.85, 0.75}) {
      const auto dynamic = static_cast<double>((plain->peak - graph.static_bytes()).count());
      const Bytes budget = graph.static_bytes() + Bytes(static_cast<std::int64_t>(share * dynamic));
      const CheckmateResult rounded =
          checkmate_within(graph, budget, *solver, {.exact_variables = 0});
      if (!rounded.runs) continue;
      const auto trace =
          simulate(graph, schedule_from_runs(graph, *rounded.runs, TakeOver::kWhereEqual));
      ASSERT_TRUE(trace.has_value()) << trace.error();
      EXPECT_LE(trace->peak, budget) << "seed " << seed;
      EXPECT_LE(rounded.bound.count(), trace->seconds.count() + 1e-6) << "seed " << seed;
      if (trace->recomputations > 0) ++found_again;
    }
  }
  EXPECT_GT(found_again, 10U);
}

// Out of time from the beginning, what it was given to start with is the answer, if it is one.
TEST(Checkmate, AnswersWithItsStartWhereThereIsNoTime) {
  if (linked_solvers().empty()) GTEST_SKIP() << "no solver is linked";
  const auto solver = make_solver(linked_solvers().front());
  std::size_t points = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const TrainingGraph graph = testing::chain_graph(8, seed);
    const rotor::Rotor rotor(graph, finest_chain(graph), {});
    const auto plain = simulate(graph, plain_schedule(graph));
    for (const rotor::CurvePoint& point : rotor.curve()) {
      if (point.peak >= plain->peak) continue;
      CheckmateOptions options;
      options.time_limit = Seconds(0);
      EXPECT_FALSE(checkmate_within(graph, point.peak, *solver, options).runs.has_value());
      options.start = rotor.runs(point);
      const CheckmateResult started = checkmate_within(graph, point.peak, *solver, options);
      ASSERT_TRUE(started.runs.has_value()) << "seed " << seed << " at " << point.peak;
      const auto trace =
          simulate(graph, schedule_from_runs(graph, *started.runs, TakeOver::kWhereEqual));
      ASSERT_TRUE(trace.has_value());
      EXPECT_LE(trace->peak, point.peak);
      EXPECT_LE(trace->seconds.count(), point.seconds.count() + 1e-9);
      ++points;
      std::swap(options.start->front(), options.start->back());  // not in program order
      EXPECT_FALSE(checkmate_within(graph, point.peak, *solver, options).runs.has_value());
    }
  }
  EXPECT_GT(points, 30U);
}

TEST(Sweep, KeepsChoicesOfWhichNoneBeatsAnother) {
  if (linked_solvers().empty()) GTEST_SKIP() << "no solver is linked";
  const auto solver = make_solver(linked_solvers().back());
  std::size_t choices = 0;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed, {.forward_ops = 8});
    const Chain chain = cut_chain(graph, {3});
    const StagedProblem problem = staged_block(graph, chain.blocks[1]);
    const Sweep swept = sweep(problem, *solver, {.candidates = 25});
    ASSERT_FALSE(swept.choices.empty());
    EXPECT_EQ(swept.progress.pairs, swept.progress.all_pairs);
    std::vector<Weight> weights;
    for (const Reruns& reruns : swept.choices) {
      const auto weight = weigh(problem, reruns);
      ASSERT_TRUE(weight.has_value()) << "seed " << seed;
      for (const Weight& other : weights) {
        const bool is_beaten = other.saved <= weight->saved && other.peak <= weight->peak &&
                               other.seconds <= weight->seconds;
        EXPECT_FALSE(is_beaten) << "seed " << seed;
      }
      weights.push_back(*weight);
    }
    EXPECT_EQ(weights.front().seconds, 0);
    choices += weights.size();
  }
  EXPECT_GT(choices, 20U);
}

}  // namespace
}  // namespace rockmate::checkmate
