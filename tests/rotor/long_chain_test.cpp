// Long chains: what is solved in part lies above the exact solution, its bound below it.

#include "rotor/long_chain.h"

#include <gtest/gtest.h>

#include <random>

#include "rotor/dynamic_program.h"
#include "rotor/rotor.h"
#include "support/chain_graph.h"
#include "support/random_graph.h"

namespace rockmate::rotor {
namespace {

Chain random_cuts(const TrainingGraph& graph, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::size_t> cuts;
  for (std::size_t i = 1; i < forward_part(graph).size(); ++i) {
    if (random() % 4 != 0) cuts.push_back(i);
  }
  return cut_chain(graph, cuts);
}

double seconds_at(const Staircase& points, std::int64_t bytes) {
  return points[static_cast<std::size_t>(last_within(points, bytes))].seconds;
}

// At every byte where either changes. `states` counts those that were compared.
void expect_brackets(const ChainCosts& costs, const LongChainOptions& options,
                     std::size_t& states) {
  const Solution exact(costs, nullptr, {});
  const LongChain found(costs, options);
  const std::size_t last = costs.blocks() - 1;
  for (const Point& point : exact.interval(0, last)) {
    EXPECT_LE(bound_at(found.bound(), point.bytes), point.seconds * (1 + 1e-12));
  }
  for (std::size_t b = 0; b <= last; ++b) {
    for (std::size_t a = found.states().first(b); a <= b; ++a, ++states) {
      const Staircase best = exact.interval(a, b);
      ASSERT_FALSE(found.states()(a, b).empty());
      for (const Point& point : found.states()(a, b)) {
        ASSERT_GE(point.bytes, best.front().bytes);
        EXPECT_GE(point.seconds, seconds_at(best, point.bytes) * (1 - 1e-12));
      }
    }
  }
}

TEST(LongChain, BracketsTheExactSolutionOfChains) {
  std::size_t states = 0;
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    const TrainingGraph graph =
        testing::chain_graph(3 + static_cast<int>(seed % 22), seed, testing::kChainKinds[seed % 5]);
    const Chain chain = finest_chain(graph);
    const ChainCosts costs(graph, chain);
    expect_brackets(costs,
                    {.window = 1 + seed % 7,
                     .long_columns = seed % 4,
                     .window_points = 4 + seed % 9,
                     .long_points = 8,
                     .spine_points = 16 + seed % 30},
                    states);
  }
  EXPECT_GT(states, 5'000u);
}

TEST(LongChain, BracketsTheExactSolutionOfAnyGraph) {
  std::size_t states = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    testing::RandomGraphOptions options;
    options.forward_ops = 2 + static_cast<int>(seed % 23);
    const TrainingGraph graph = testing::random_graph(seed, options);
    const Chain chain = random_cuts(graph, seed);
    const ChainCosts costs(graph, chain);
    expect_brackets(costs, {.window = 1 + seed % 5, .long_columns = seed % 3, .spine_points = 20},
                    states);
  }
  EXPECT_GT(states, 10'000u);
}

// With room for all points and a window of the whole chain, nothing is left out.
TEST(LongChain, IsExactWhereItHasRoom) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const TrainingGraph graph = testing::chain_graph(3 + static_cast<int>(seed % 5), seed);
    const Chain chain = finest_chain(graph);
    const ChainCosts costs(graph, chain);
    const Solution exact(costs, nullptr, {});
    const std::size_t last = costs.blocks() - 1, room = 20'000;
    const LongChain found(
        costs,
        {.window = last + 1, .window_points = room, .long_points = room, .spine_points = room});
    const Staircase best = exact.interval(0, last);
    const Staircase& points = found.states()(0, last);
    ASSERT_EQ(points.size(), best.size()) << "seed " << seed;
    for (std::size_t i = 0; i < points.size(); ++i) {
      EXPECT_EQ(points[i].bytes, best[i].bytes);
      EXPECT_NEAR(points[i].seconds, best[i].seconds, 1e-9);
    }
  }
}

TEST(LongChain, KeepsWhatItsCurvePromises) {
  std::size_t points = 0;
  const auto check = [&](const TrainingGraph& graph, Chain chain, bool is_plain_chain) {
    const Rotor rotor(graph, std::move(chain),
                      {.exact_blocks = 0, .precision = Precision::kCoarse});
    for (const CurvePoint& point : rotor.curve()) {
      const auto trace = simulate(graph, schedule_from_runs(graph, rotor.runs(point)));
      ASSERT_TRUE(trace.has_value()) << trace.error();
      EXPECT_LE(trace->peak, point.peak);
      EXPECT_LE(trace->seconds.count(), point.seconds.count() + 1e-9);
      if (is_plain_chain) {
        EXPECT_EQ(trace->peak, point.peak);
      }
      EXPECT_LE(rotor.bound(point.peak), point.seconds);
      EXPECT_GE(rotor.epsilon(point.peak), 0);
      ++points;
    }
  };
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const TrainingGraph graph = testing::chain_graph(60, seed, testing::kChainKinds[seed % 5]);
    check(graph, finest_chain(graph), true);
  }
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    testing::RandomGraphOptions options;
    options.forward_ops = 20;
    const TrainingGraph graph = testing::random_graph(seed, options);
    check(graph, random_cuts(graph, seed), false);
  }
  EXPECT_GT(points, 2000u);
}

// Deterministic figures, far from their limits: the reason why long chains are solved this way.
TEST(LongChain, IsCloseToItsBoundAtModerateBudgets) {
  for (const testing::ChainKind kind : testing::kChainKinds) {
    const TrainingGraph graph = testing::chain_graph(200, 1, kind);
    const Rotor rotor(graph, finest_chain(graph), {.precision = Precision::kCoarse});
    // A block of a third of all bytes is kept or not: there is no trade in small steps.
    const double limit = kind == testing::ChainKind::kHuge ? 0.05 : 0.01;
    const auto plain = simulate(graph, plain_schedule(graph));
    for (const double share : {0.9, 0.7, 0.5}) {
      const Bytes budget(
          static_cast<std::int64_t>(share * static_cast<double>(plain->peak.count())));
      EXPECT_LT(rotor.epsilon(budget), limit) << to_string(kind) << " at " << share;
    }
    EXPECT_EQ(rotor.epsilon(plain->peak), 0);
  }
}

TEST(LongChain, AnswersTheSameOnAnyNumberOfThreads) {
  const TrainingGraph graph = testing::chain_graph(150, 7);
  const RotorOptions one{.precision = Precision::kCoarse, .threads = 1};
  const RotorOptions three{.precision = Precision::kCoarse, .threads = 3};
  const Rotor x(graph, finest_chain(graph), one);
  const Rotor y(graph, finest_chain(graph), three);
  ASSERT_EQ(x.curve().size(), y.curve().size());
  for (std::size_t i = 0; i < x.curve().size(); ++i) {
    EXPECT_EQ(x.curve()[i].peak, y.curve()[i].peak);
    EXPECT_EQ(x.curve()[i].seconds, y.curve()[i].seconds);
    EXPECT_EQ(x.bound(x.curve()[i].peak), y.bound(y.curve()[i].peak));
  }
  EXPECT_EQ(x.runs(x.curve()[x.curve().size() / 2]), y.runs(y.curve()[y.curve().size() / 2]));
}

TEST(LongChain, HasNoCurveWhenStopped) {
  std::stop_source source;
  source.request_stop();
  const TrainingGraph graph = testing::chain_graph(200, 1);
  const Rotor rotor(graph, finest_chain(graph), {.stop = source.get_token()});
  EXPECT_TRUE(rotor.curve().empty());
}

}  // namespace
}  // namespace rockmate::rotor
