// What plan() promises, on random graphs with everything that the format has.

#include "rockmate/plan.h"

#include <gtest/gtest.h>

#include <sstream>

#include "rockmate/schedule.h"
#include "support/chain_graph.h"
#include "support/exhaustive.h"
#include "support/random_graph.h"
#include "support/revolve.h"

namespace rockmate {
namespace {

PlanOptions quick(Planner planner = Planner::kPortfolio) {
  PlanOptions options;
  options.planner = planner;
  options.work_limit = 4000;
  options.threads = 1;
  return options;
}

PlanDocument document_of(const Plan& plan) {
  PlanDocument document{plan.graph, plan.schedule, plan.layout, {}, plan.planner};
  document.stated.peak = plan.peak;
  document.stated.seconds = plan.seconds;
  document.stated.lower_bound = plan.lower_bound;
  if (plan.layout) document.stated.arena = plan.layout->arena_bytes;
  return document;
}

TEST(Plan, IsThePlainIterationWhereThatFits) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    testing::RandomGraphOptions shape;
    shape.implementations = false;
    const TrainingGraph graph = testing::random_graph(seed, shape);
    const auto plain = simulate(graph, plain_schedule(graph));
    PlanOptions options = quick();
    options.layout = false;
    const PlanResult found = plan(graph, plain->peak, options);
    ASSERT_TRUE(found.has_value()) << found.error();
    EXPECT_EQ(found->planner, "plain");
    EXPECT_EQ(found->overhead, 0);
    EXPECT_EQ(found->peak, plain->peak);
    EXPECT_TRUE(found->proven_optimal);
  }
}

TEST(Plan, KeepsEveryBudgetThatItAccepts) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed);
    for (const Planner planner :
         {Planner::kPortfolio, Planner::kRotor, Planner::kSqrt, Planner::kPlain}) {
      for (const double share : {1.0, 0.8, 0.6, 0.3}) {
        const Budget budget = Budget::share(share);
        const PlanResult found = plan(graph, budget, quick(planner));
        if (!found) {
          EXPECT_LE(found.error().lower_bound, found.error().smallest_feasible.value());
          EXPECT_FALSE(found.error().reason.empty());
          continue;
        }
        EXPECT_LE(found->needed(), *budget.on(graph));
        const auto verdict = judge(graph, document_of(*found), budget.on(graph));
        EXPECT_TRUE(verdict.has_value()) << "seed " << seed << ": " << verdict.error();
      }
    }
  }
}

TEST(Plan, FindsAPlanAtTheSmallestBudgetThatItNames) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed);
    const PlanResult none = plan(graph, Bytes(0), quick(Planner::kRotor));
    if (none) continue;  // a graph of no bytes
    const PlanResult found = plan(graph, *none.error().smallest_feasible, quick(Planner::kRotor));
    EXPECT_TRUE(found.has_value()) << "seed " << seed << ": " << found.error();
  }
}

TEST(Plan, MinimumIsAPlanWithinWhatItNeeds) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed);
    const PlanResult least = plan(graph, Budget::minimum(), quick());
    ASSERT_TRUE(least.has_value()) << "seed " << seed << ": " << least.error();
    EXPECT_LE(least->needed(), least->budget);
    const PlanResult below = plan(graph, least->budget - Bytes(1), quick());
    if (below) {
      EXPECT_LE(below->needed(), least->budget - Bytes(1)) << "seed " << seed;
    }
  }
}

// Never faster than any schedule can be, and on graphs this small mostly as fast.
TEST(Plan, MeetsTheExhaustiveOptimumOfTinyGraphs) {
  int judged = 0, met = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    testing::RandomGraphOptions shape;
    shape.forward_ops = 3;
    shape.implementations = false;
    const TrainingGraph graph = testing::random_graph(seed, shape);
    const auto front = testing::exhaustive_front(graph, 20'000);
    if (!front) continue;
    PlanOptions options = quick();
    options.layout = false;
    for (const auto& point : *front) {
      ++judged;
      const PlanResult found = plan(graph, point.peak, options);
      if (!found) continue;
      EXPECT_GE(found->seconds.count(), point.seconds.count() - 1e-9) << "seed " << seed;
      if (found->seconds.count() <= point.seconds.count() + 1e-9) ++met;
    }
    const PlanResult below = plan(graph, front->front().peak - Bytes(1), options);
    EXPECT_FALSE(below.has_value()) << "seed " << seed;
  }
  EXPECT_GT(judged, 20);
  EXPECT_GT(met, judged * 9 / 10) << met << " of " << judged;
}

TEST(Plan, IsTheSameOnAnyNumberOfThreads) {
  const TrainingGraph graph = testing::chain_graph(40, 5);
  for (const Planner planner : {Planner::kPortfolio, Planner::kRotor}) {
    std::string first;
    for (const int threads : {1, 2, 5}) {
      PlanOptions options = quick(planner);
      options.threads = threads;
      PlanResult found = plan(graph, Budget::share(0.4), options);
      ASSERT_TRUE(found.has_value()) << found.error();
      found->planning_seconds = Seconds(0);
      const std::string text = plan_to_json(*found, graph);
      if (first.empty()) first = text;
      EXPECT_EQ(text, first);
    }
  }
}

TEST(Plan, MoreBudgetNeverCostsMoreTime) {
  for (const Planner planner : {Planner::kRotor, Planner::kSqrt}) {
    const TrainingGraph graph = testing::chain_graph(30, 9);
    double last = std::numeric_limits<double>::infinity();
    for (int percent = 5; percent <= 100; percent += 5) {
      const PlanResult found = plan(graph, Budget::share(percent / 100.0), quick(planner));
      if (!found) {
        EXPECT_EQ(last, std::numeric_limits<double>::infinity()) << "at " << percent << " %";
        continue;
      }
      EXPECT_LE(found->seconds.count(), last + 1e-12) << "at " << percent << " %";
      last = found->seconds.count();
    }
    EXPECT_LT(last, std::numeric_limits<double>::infinity());
  }
}

// Ops run up to four times, of which no single moment knows.
TEST(Plan, IsProvenTheBestWhereLittleFits) {
  const int length = 16;
  const TrainingGraph graph = testing::revolve_chain(length);
  PlanOptions options = quick();
  options.work_limit = 400'000;
  for (const int slots : {1, 2, 3}) {
    const PlanResult found = plan(graph, Bytes(3 + slots), options);
    ASSERT_TRUE(found.has_value()) << found.error();
    EXPECT_TRUE(found->proven_optimal) << slots;
    EXPECT_NEAR(found->seconds.count(), length + testing::revolve_runs(length, slots), 1e-6);
  }
}

TEST(PlanCurve, FallsInBytesAndRisesInSeconds) {
  const TrainingGraph graph = testing::chain_graph(20, 2);
  const std::vector<Plan> curve = plan_curve(graph, 12, quick());
  ASSERT_GT(curve.size(), 5u);
  EXPECT_NEAR(curve.front().overhead, 0, 1e-12);
  for (std::size_t i = 1; i < curve.size(); ++i) {
    EXPECT_LT(curve[i].needed(), curve[i - 1].needed());
    EXPECT_GT(curve[i].seconds, curve[i - 1].seconds);
  }
}

TEST(PlanCurve, NeedsNoSearch) {
  const TrainingGraph graph = testing::chain_graph(20, 2);
  PlanOptions options = quick();
  options.work_limit = 0;
  EXPECT_GT(plan_curve(graph, 5, options).size(), 2u);
}

TEST(Plan, GivesTheBestSoFarWhenStopped) {
  const TrainingGraph graph = testing::chain_graph(20, 4);
  std::stop_source source;
  PlanOptions options = quick();
  options.work_limit = std::nullopt;
  options.stop = source.get_token();
  options.progress = [&](const Progress& progress) {
    if (progress.overhead) source.request_stop();
  };
  const PlanResult found = plan(graph, Budget::share(0.5), options);
  ASSERT_TRUE(found.has_value()) << found.error();
  EXPECT_GT(found->overhead, 0);
}

TEST(NoPlan, SaysWhatForcesTheBound) {
  const TrainingGraph graph = testing::chain_graph(5, 1);
  const PlanResult none = plan(graph, Bytes(1), quick());
  ASSERT_FALSE(none.has_value());
  EXPECT_FALSE(none.error().forced_op.empty());
  EXPECT_FALSE(none.error().forced_values.empty());
  std::ostringstream text;
  text << none.error();
  EXPECT_NE(text.str().find(none.error().forced_op), std::string::npos) << text.str();
}

// Too long to be solved exactly: the plan says how far it may be from the best of its kind.
TEST(NoPlan, KnowsTheLeastBudgetOfAChain) {
  const TrainingGraph graph = testing::revolve_chain(12);
  PlanOptions options = quick();
  options.work_limit = 50'000;
  const PlanResult least = plan(graph, Budget::parse("min"), options);
  ASSERT_TRUE(least.has_value()) << least.error();
  const PlanResult found = plan(graph, least->budget - Bytes(1), options);
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().smallest_feasible, least->budget);
  EXPECT_EQ(found.error().lower_bound, least->budget);
}

TEST(Plan, OfRotorStatesItsEpsilon) {
  const TrainingGraph graph = testing::chain_graph(190, 3);
  const PlanResult plan = rockmate::plan(graph, Budget::share(0.6), {.planner = Planner::kRotor});
  ASSERT_TRUE(plan.has_value());
  ASSERT_TRUE(plan->rotor_epsilon.has_value());
  EXPECT_GT(*plan->rotor_epsilon, 0);
  EXPECT_LT(*plan->rotor_epsilon, 0.01);
  const PlanResult other = rockmate::plan(graph, Budget::share(1), {});
  ASSERT_TRUE(other.has_value());
  EXPECT_FALSE(other->rotor_epsilon.has_value());
}

}  // namespace
}  // namespace rockmate
