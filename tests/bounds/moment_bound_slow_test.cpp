// The bound on many random graphs, and on third-party graphs between a known bound and a known
// plan.

#include <gtest/gtest.h>

#include <cstdlib>

#include "bounds/moment_bound.h"
#include "rockmate/plan.h"
#include "support/exhaustive.h"

namespace rockmate {
namespace {

std::unique_ptr<MilpSolver> first_solver() {
  const std::vector<Solver> linked = linked_solvers();
  return linked.empty() ? nullptr : make_solver(linked.front());
}

TEST(MomentBoundSlow, NeverExceedsTheOptimum) {
  const auto solver = first_solver();
  int cases = 0, above_plain = 0, met = 0;
  for (std::uint64_t seed = 1000; seed < 4000; ++seed) {
    const TrainingGraph graph = testing::small_random_graph(seed);
    const auto front = testing::exhaustive_front(graph, 5'000);
    if (!front) continue;
    const MomentBounds bounds(graph);
    for (const testing::ParetoPoint& point : *front) {
      const MomentBound bound = bounds.at(point.peak, {.solver = solver.get()});
      ASSERT_TRUE(bound.is_feasible) << graph << "at " << point.peak;
      ASSERT_LE(bound.seconds.count(), point.seconds.count() + 1e-9)
          << graph << "at " << point.peak;
      ++cases;
      above_plain += bound.seconds.count() > bounds.simplest().seconds.count() + 1e-6;
      met += bound.seconds.count() > point.seconds.count() - 1e-9;
    }
  }
  EXPECT_GT(cases, 1000);
  EXPECT_GT(above_plain, cases / 3);
  EXPECT_GT(met, cases / 2);
}

TEST(MomentBoundSlow, ProvesAKnownPlanTheBestAsOftenAsWithoutKnowingIt) {
  int proven = 0, lower = 0;
  for (const Solver name : linked_solvers()) {
    const auto solver = make_solver(name);
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      const TrainingGraph graph = testing::small_random_graph(seed);
      const auto front = testing::exhaustive_front(graph, 5'000);
      if (!front) continue;
      const MomentBounds bounds(graph);
      for (const testing::ParetoPoint& point : *front) {
        for (const double slower : {1.0, 1.05}) {
          const Seconds known(point.seconds.count() * slower);
          const MomentBound all = bounds.at(point.peak, {.solver = solver.get()});
          const MomentBound some = bounds.at(point.peak, {.solver = solver.get(), .known = known});
          EXPECT_LE(some.seconds.count(), all.seconds.count() + 1e-9);
          const MomentBound prices = bounds.at(point.peak);
          const MomentBound near =
              bounds.at(point.peak, {.solver = solver.get(), .known = known, .known_within = 0.02});
          const bool is_near = known.count() <= prices.seconds.count() * 1.02;
          EXPECT_EQ(near.seconds, is_near ? some.seconds : prices.seconds);
          lower += some.seconds.count() < all.seconds.count() - 1e-9;
          if (all.seconds.count() < known.count() * (1 - 1e-9)) continue;
          ++proven;
          EXPECT_GE(some.seconds.count(), known.count() * (1 - 1e-9)) << graph;
        }
      }
    }
  }
  if (!linked_solvers().empty()) {
    EXPECT_GT(proven, 30);
    EXPECT_GT(lower, 0);
  }
}

// Overheads in percent: a bound that has been shown, and a plan that has been found.
struct Known {
  const char* graph;
  const char* budget;
  double bound, plan;
};
constexpr Known kKnown[] = {
    {"gpt2_8l", "67000000", 24.26, 24.6},      {"gpt2_8l", "136000000", 11.93, 12.07},
    {"gpt2_8l", "204000000", 3.27, 3.46},      {"mlp16", "17100000", 31.9, 73.3},
    {"mlp16", "32600000", 24.49, 24.5},        {"mlp16", "63600000", 4.70, 4.72},
    {"resnet18", "44700000", 3.55, 3.58},      {"resnet18", "62200000", 0.67, 0.72},
    {"fcn8_vgg_train", "62%", 1.72, 2.91},     {"random_layered_100", "70%", 0.0, 2.15},
    {"random_layered_500", "80%", 0.39, 1.47},
};

TEST(MomentBoundSlow, LiesBetweenWhatIsKnown) {
  const char* const shared = std::getenv("ROCKMATE_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "ROCKMATE_SHARED names no folder of instances";
  const auto solver = first_solver();
  for (const Known& known : kKnown) {
    const auto file =
        std::filesystem::path(shared) / "instances/graphs" / (std::string(known.graph) + ".json");
    const TrainingGraph graph = read_graph(file);
    const Bytes budget = Budget::parse(known.budget).on(graph).value();
    for (const MilpSolver* each :
         {static_cast<const MilpSolver*>(nullptr), static_cast<const MilpSolver*>(solver.get())}) {
      const MomentBound bound = MomentBounds(graph).at(budget, {.solver = each});
      const double percent = 100 * overhead(graph, bound.seconds);
      EXPECT_GE(percent, known.bound) << known.graph << ' ' << known.budget;
      EXPECT_LE(percent, known.plan) << known.graph << ' ' << known.budget;
    }
  }
}

}  // namespace
}  // namespace rockmate
