// Rockmate's planner against published points of its peer, and against two choices per block.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "rockmate/plan.h"
#include "support/chain_graph.h"
#include "support/random_graph.h"

namespace rockmate {
namespace {

PlanOptions options_of(Planner planner) {
  PlanOptions options;
  options.planner = planner;
  options.layout = false;
  options.candidates = 100;
  return options;
}

TEST(RockmatePlanner, IsNoSlowerThanThePeerAtThePeaksOfItsPlans) {
  const char* shared = std::getenv("ROCKMATE_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "ROCKMATE_SHARED names no folder with instances/";
  if (linked_solvers().empty()) GTEST_SKIP() << "no solver is linked";
  const std::filesystem::path instances = std::filesystem::path(shared) / "instances";
  std::ifstream file(instances / "published" / "rockmate.json");
  const nlohmann::json published = nlohmann::json::parse(file).at("points");
  for (const auto& [name, points] : published.items()) {
    const TrainingGraph graph = read_graph(instances / "graphs" / (name + ".json"));
    // A cache of the test's own: each distinct block is solved for one budget only.
    PlanOptions options = options_of(Planner::kRockmate);
    options.cache = std::filesystem::path(::testing::TempDir()) / "rockmate-published";
    for (const char* planner : {"rockmate", "rockmate_64K"}) {
      for (const auto& point : points.at(planner)) {
        const PlanResult found = plan(graph, Bytes(point[0].get<std::int64_t>()), options);
        ASSERT_TRUE(found.has_value()) << name << " at " << point[0];
        EXPECT_LE(found->overhead, point[1].get<double>() + 1e-6) << name << " at " << point[0];
      }
    }
    std::filesystem::remove_all(*options.cache);
  }
}

TEST(RockmatePlanner, IsNeverSlowerThanRotor) {
  if (linked_solvers().empty()) GTEST_SKIP() << "no solver is linked";
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    const TrainingGraph graph = seed % 2 == 0 ? testing::chain_graph(12, seed)
                                              : testing::random_graph(seed, {.forward_ops = 14});
    for (const double share : {0.9, 0.7, 0.5, 0.3}) {
      const Budget budget = Budget::share(share);
      const PlanResult two = plan(graph, budget, options_of(Planner::kRotor));
      const PlanResult many = plan(graph, budget, options_of(Planner::kRockmate));
      ASSERT_TRUE(many.has_value() || !two.has_value()) << "seed " << seed << " at " << share;
      if (two.has_value()) {
        EXPECT_LE(many->seconds.count(), two->seconds.count() * (1 + 1e-9)) << "seed " << seed;
      }
    }
  }
}

// With addresses, too: a plan that beats another in live bytes may have no layout where that has
// one.
TEST(RockmatePlanner, IsNeverSlowerThanRotorOnBundledGraphs) {
  if (linked_solvers().empty()) GTEST_SKIP() << "no solver is linked";
  const std::filesystem::path graphs = std::filesystem::path(ROCKMATE_SOURCE_DIR) / "graphs";
  for (const char* name : {"transformer.json", "unet.json"}) {
    const TrainingGraph graph = read_graph(graphs / name);
    PlanOptions two = options_of(Planner::kRotor), many = options_of(Planner::kRockmate);
    two.layout = many.layout = true;
    many.candidates = 25;
    many.cache = std::filesystem::path(::testing::TempDir()) / "rockmate-bundled";
    for (const double share : {0.8, 0.6, 0.4, 0.25}) {
      const PlanResult with_two = plan(graph, Budget::share(share), two);
      const PlanResult with_many = plan(graph, Budget::share(share), many);
      ASSERT_TRUE(with_many.has_value() || !with_two.has_value()) << name << " at " << share;
      if (!with_two.has_value()) continue;
      EXPECT_LE(with_many->seconds.count(), with_two->seconds.count() * (1 + 1e-9))
          << name << " at " << share;
    }
    std::filesystem::remove_all(*many.cache);
  }
}

}  // namespace
}  // namespace rockmate
