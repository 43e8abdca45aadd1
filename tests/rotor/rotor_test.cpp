// Rotor's curve against all plans of its language, each replayed by the judge, and on odd graphs.

#include "rotor/rotor.h"

#include <gtest/gtest.h>

#include <random>

#include "rotor/chain_costs.h"
#include "support/chain_graph.h"
#include "support/random_graph.h"

namespace rockmate::rotor {
namespace {

struct Figures {
  Bytes peak;
  double seconds;
};

// Every plan of the recursion on blocks a .. b, as runs: the definition, without a table.
std::vector<Runs> all_plans(const Chain& chain, const ChainCosts& costs, std::size_t a,
                            std::size_t b) {
  const auto pass = [&](std::size_t from, std::size_t to) {
    Runs runs;
    for (std::size_t i = from; i < to; ++i) {
      for (const OpId op : chain.blocks[i].forward) runs.push_back({op});
    }
    return runs;
  };
  const auto joined = [](const Runs& x, const Runs& y, const Runs& z) {
    Runs all = x;
    all.insert(all.end(), y.begin(), y.end());
    all.insert(all.end(), z.begin(), z.end());
    return all;
  };
  Runs backward;
  for (const OpId op : chain.blocks[a].backward) backward.push_back({op});
  if (a == b) return {joined(pass(a, a + 1), backward, {})};
  std::vector<Runs> plans;
  for (const Runs& rest : all_plans(chain, costs, a + 1, b)) {
    plans.push_back(joined(pass(a, a + 1), rest, backward));
  }
  for (std::size_t j = a + 1; j <= b; ++j) {
    const auto lefts = all_plans(chain, costs, a, j - 1);
    for (const Runs& right : all_plans(chain, costs, j, b)) {
      for (const Runs& left : lefts) plans.push_back(joined(pass(a, j), right, left));
    }
  }
  return plans;
}

Figures judged(const TrainingGraph& graph, const Runs& runs) {
  const auto trace = simulate(graph, schedule_from_runs(graph, runs));
  EXPECT_TRUE(trace.has_value()) << trace.error();
  return {trace->peak, trace->seconds.count()};
}

// The least seconds of any plan within each of the peaks.
double best_within(const std::vector<Figures>& plans, Bytes peak) {
  double best = std::numeric_limits<double>::infinity();
  for (const Figures& plan : plans) {
    if (plan.peak <= peak) best = std::min(best, plan.seconds);
  }
  return best;
}

TEST(Rotor, FindsTheBestPlanOfItsLanguageAtEveryBudget) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const TrainingGraph graph = testing::chain_graph(2 + static_cast<int>(seed % 4), seed);
    const Chain chain = finest_chain(graph);
    const ChainCosts costs(graph, chain);
    std::vector<Figures> plans;
    for (Runs& runs : all_plans(chain, costs, 0, chain.blocks.size() - 1)) {
      for (const OpId op : chain.tail) runs.push_back({op});
      plans.push_back(judged(graph, runs));
    }
    const Rotor rotor(graph, chain, {});
    ASSERT_FALSE(rotor.curve().empty());
    for (const Figures& plan : plans) {
      const auto beyond = std::find_if(rotor.curve().begin(), rotor.curve().end(),
                                       [&](const CurvePoint& p) { return p.peak > plan.peak; });
      ASSERT_NE(beyond, rotor.curve().begin()) << "seed " << seed << ": misses " << plan.peak;
      EXPECT_NEAR(std::prev(beyond)->seconds.count(), best_within(plans, plan.peak), 1e-9)
          << "seed " << seed << " at " << plan.peak.count();
    }
    for (const CurvePoint& point : rotor.curve()) {
      const Figures plan = judged(graph, rotor.runs(point));
      EXPECT_EQ(plan.peak, point.peak) << "seed " << seed;
      EXPECT_NEAR(plan.seconds, point.seconds.count(), 1e-9) << "seed " << seed;
    }
  }
}

// Views, sums, updates, run-once ops, results, skip connections, blocks of any length.
TEST(Rotor, NeverPromisesFewerBytesThanTheJudgeFinds) {
  std::size_t points = 0, exact = 0;
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    testing::RandomGraphOptions options;
    options.forward_ops = 2 + static_cast<int>(seed % 9);
    const TrainingGraph graph = testing::random_graph(seed, options);
    std::mt19937_64 random(seed);
    std::vector<std::size_t> cuts;
    for (std::size_t i = 1; i < forward_part(graph).size(); ++i) {
      if (random() % 3 != 0) cuts.push_back(i);
    }
    const Rotor rotor(graph, cut_chain(graph, cuts), {.threads = 1});
    ASSERT_FALSE(rotor.curve().empty());
    for (const CurvePoint& point : rotor.curve()) {
      const Figures plan = judged(graph, rotor.runs(point));
      EXPECT_LE(plan.peak, point.peak) << "seed " << seed;
      EXPECT_LE(plan.seconds, point.seconds.count() + 1e-9) << "seed " << seed;
      ++points;
      if (plan.peak == point.peak) ++exact;
    }
  }
  EXPECT_GT(exact, points / 2) << "exact at " << exact << " of " << points;
}

TEST(Rotor, ReachesThePlainIteration) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const TrainingGraph graph = testing::chain_graph(8, seed);
    const auto plain = simulate(graph, plain_schedule(graph));
    const Rotor rotor(graph, finest_chain(graph), {});
    EXPECT_EQ(rotor.curve().back().peak, plain->peak);
    EXPECT_NEAR(rotor.curve().back().seconds.count(), plain->seconds.count(), 1e-9);
  }
}

TEST(Rotor, AnswersTheSameOnAnyNumberOfThreads) {
  const TrainingGraph graph = testing::chain_graph(40, 7);
  const Rotor one(graph, finest_chain(graph), {.threads = 1});
  const Rotor three(graph, finest_chain(graph), {.threads = 3});
  ASSERT_EQ(one.curve().size(), three.curve().size());
  for (std::size_t i = 0; i < one.curve().size(); ++i) {
    EXPECT_EQ(one.curve()[i].peak, three.curve()[i].peak);
    EXPECT_EQ(one.curve()[i].seconds, three.curve()[i].seconds);
    EXPECT_EQ(one.runs(one.curve()[i]), three.runs(three.curve()[i]));
  }
}

TEST(Rotor, HasNoCurveWhenStopped) {
  std::stop_source source;
  source.request_stop();
  const TrainingGraph graph = testing::chain_graph(10, 1);
  const Rotor rotor(graph, finest_chain(graph), {.stop = source.get_token()});
  EXPECT_TRUE(rotor.curve().empty());
}

}  // namespace
}  // namespace rockmate::rotor
