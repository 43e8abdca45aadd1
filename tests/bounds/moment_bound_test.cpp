// The bound over all moments, with and without solvers, held against every schedule there is, and
// what it gives a search to start from.

#include "bounds/moment_bound.h"

#include <gtest/gtest.h>

#include "bounds/moment_program.h"
#include "bounds/priced_moment.h"
#include "rockmate/schedule.h"
#include "support/exhaustive.h"
#include "support/random_graph.h"

namespace rockmate {
namespace {

// All that may stand in a list of options: no solver, and each that is linked.
std::vector<std::unique_ptr<MilpSolver>> solvers_and_none() {
  std::vector<std::unique_ptr<MilpSolver>> all(1);
  for (const Solver solver : linked_solvers()) all.push_back(make_solver(solver));
  return all;
}

TEST(MomentBound, NeverExceedsTheOptimumAndOftenMeetsIt) {
  const auto solvers = solvers_and_none();
  int cases = 0;
  std::vector<int> met(solvers.size()), above_plain(solvers.size());
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    const TrainingGraph graph = testing::small_random_graph(seed);
    const auto front = testing::exhaustive_front(graph, 5'000);
    if (!front) continue;
    const MomentBounds bounds(graph);
    const MomentFacts facts(graph);
    for (const testing::ParetoPoint& point : *front) {
      ++cases;
      for (std::size_t i = 0; i < solvers.size(); ++i) {
        const MomentBound bound = bounds.at(point.peak, {.solver = solvers[i].get()});
        ASSERT_TRUE(bound.is_feasible) << graph << "at " << point.peak;
        ASSERT_LE(bound.seconds.count(), point.seconds.count() + 1e-9)
            << graph << "at " << point.peak;
        EXPECT_GE(bound.seconds, facts.fastest);
        met[i] += bound.seconds.count() > point.seconds.count() - 1e-9;
        above_plain[i] += bound.seconds.count() > facts.fastest.count() + 1e-6;
      }
    }
  }
  EXPECT_GT(cases, 60);
  for (std::size_t i = 0; i < solvers.size(); ++i) {
    EXPECT_GT(above_plain[i], cases / 4);
    EXPECT_GT(met[i], i == 0 ? cases / 4 : cases / 3);
  }
}

// What is left out for a known plan is what could not have proven it the best.
TEST(MomentBound, KnowsABudgetThatNoPlanKeeps) {
  int judged = 0, known = 0;
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    const TrainingGraph graph = testing::small_random_graph(seed);
    const auto front = testing::exhaustive_front(graph, 5'000);
    if (!front) continue;
    ++judged;
    known += !MomentBounds(graph).at(front->front().peak - Bytes(1)).is_feasible;
  }
  EXPECT_GT(known, judged / 2);
}

TEST(MomentBound, RelaxedProgramIsThePricedBound) {
  if (linked_solvers().empty()) GTEST_SKIP() << "no solver is linked";
  const auto solver = make_solver(linked_solvers().front());
  int compared = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed, {.forward_ops = 8});
    const auto plain = simulate(graph, plain_schedule(graph));
    const MomentFacts facts(graph);
    const Bytes budget(plain->static_bytes.count() +
                       (plain->peak - plain->static_bytes).count() * 7 / 10);
    for (std::size_t o = 0; o < graph.ops().size(); ++o) {
      const Moment moment(facts, OpId(o));
      if (moment.fixed > budget) continue;
      const PricedBound priced = priced_bound(facts, moment, budget);
      const MomentProgram program(facts, moment, budget);
      const MilpResult relaxed = solver->solve(program.model().relaxed());
      EXPECT_EQ(priced.is_feasible, relaxed.status != MilpStatus::kInfeasible);
      if (!priced.is_feasible) continue;
      EXPECT_NEAR(priced.extra_seconds, relaxed.cost * facts.fastest.count() / 1000, 1e-5)
          << "seed " << seed << ", moment " << graph[OpId(o)].name;
      compared += priced.extra_seconds > 1e-5;
    }
  }
  EXPECT_GT(compared, 30);
}

TEST(MomentBound, StartsAreExecutable) {
  const auto solvers = solvers_and_none();
  int with_start = 0, leaner = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const TrainingGraph graph = testing::random_graph(
        seed, {.forward_ops = 12, .updates = seed % 3 == 0, .statistics = seed % 5 == 0});
    const auto plain = simulate(graph, plain_schedule(graph));
    for (const int percent : {85, 65, 45}) {
      const Bytes budget(plain->static_bytes.count() +
                         (plain->peak - plain->static_bytes).count() * percent / 100);
      const MomentBound bound = MomentBounds(graph).at(budget, {.solver = solvers.back().get()});
      if (!bound.is_feasible || bound.start.empty()) continue;
      const auto trace = simulate(graph, schedule_from_runs(graph, bound.start));
      ASSERT_TRUE(trace.has_value()) << trace.error() << graph;
      ++with_start;
      leaner += trace->peak < plain->peak;
    }
  }
  EXPECT_GT(with_start, 40);
  EXPECT_GT(leaner, with_start / 2);
}

}  // namespace
}  // namespace rockmate
