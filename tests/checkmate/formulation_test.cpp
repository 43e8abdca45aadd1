// The integer program against exhaustive search, and the replay of staged problems against the
// judge.

#include "checkmate/formulation.h"

#include <gtest/gtest.h>

#include <random>

#include "schedule/runs.h"
#include "support/exhaustive.h"
#include "support/random_graph.h"

namespace rockmate::checkmate {
namespace {

rockmate::Runs runs_of(const TrainingGraph& graph, const Reruns& reruns) {
  rockmate::Runs runs;
  for (std::size_t t = 0; t < reruns.size(); ++t) {
    for (const std::size_t i : reruns[t]) runs.push_back({OpId(i)});
    if (t < graph.ops().size()) runs.push_back({OpId(t)});
  }
  return runs;
}

Reruns random_reruns(const StagedProblem& problem, std::mt19937_64& random) {
  Reruns reruns(problem.steps.size());
  for (std::size_t t = 0; t < reruns.size(); ++t) {
    for (std::size_t i = 0; i < t; ++i) {
      if (problem.may_run_again(i, t) && random() % 5 == 0) reruns[t].push_back(i);
    }
  }
  return reruns;
}

TEST(StagedGraph, IsReplayedAsTheJudgeDoes) {
  std::size_t valid = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    const TrainingGraph graph = testing::random_graph(
        seed, {.forward_ops = 2 + static_cast<int>(seed % 6), .statistics = seed % 3 == 0});
    const StagedProblem problem = staged_graph(graph);
    std::mt19937_64 random(seed);
    const Reruns reruns = random_reruns(problem, random);
    const auto weight = weigh(problem, reruns);
    const Schedule schedule =
        schedule_from_runs(graph, runs_of(graph, reruns), TakeOver::kWhereEqual);
    const auto trace = simulate(graph, schedule);
    ASSERT_EQ(weight.has_value(), trace.has_value()) << "seed " << seed;
    if (!weight) continue;
    ++valid;
    EXPECT_EQ(weight->peak + graph.static_bytes().count(), trace->peak.count()) << "seed " << seed;
    EXPECT_NEAR(weight->seconds + graph.plain_seconds().count(), trace->seconds.count(), 1e-9);
  }
  EXPECT_GT(valid, 2000U);
}

// Sizes of one kind, so that whatever is taken over in place is equally large.
TrainingGraph with_equal_sizes(const TrainingGraph& graph) {
  TrainingGraphBuilder builder("equal");
  for (const Value& value : graph.values()) {
    ValueSpec spec{.name = value.name, .bytes = Bytes(4), .kind = value.kind};
    if (value.viewed) spec.alias_of = graph[*value.viewed].name;
    builder.value(std::move(spec));
  }
  const auto names = [&](const std::vector<ValueId>& values) {
    std::vector<std::string> all;
    for (const ValueId v : values) all.push_back(graph[v].name);
    return all;
  };
  for (const Op& op : graph.ops()) {
    OpSpec spec{.name = op.name, .phase = op.phase, .seconds = op.seconds()};
    spec.inputs = names(op.inputs);
    spec.outputs = names(op.outputs);
    spec.optional = names(op.optional);
    spec.accumulates = names(op.accumulates);
    spec.updates = names(op.updates);
    if (op.accumulates.empty() && op.updates.empty()) spec.recomputable = op.recomputable;
    for (const InPlace& pair : op.in_place) {
      spec.in_place.emplace_back(graph[pair.output].name, graph[pair.input].name);
    }
    builder.op(std::move(spec));
  }
  for (const ValueId v : graph.results()) builder.result(graph[v].name);
  return std::move(builder).build();
}

struct Best {
  double seconds = 0;
  Weight weight;
};

std::optional<Best> solve(const StagedProblem& problem, Limits limits, const MilpSolver& solver) {
  const Formulation formulation(problem, limits);
  if (formulation.is_hopeless()) return std::nullopt;
  const MilpResult result = solver.solve(formulation.model());
  EXPECT_TRUE(result.status == MilpStatus::kOptimal || result.status == MilpStatus::kInfeasible)
      << to_string(result.status);
  if (result.status != MilpStatus::kOptimal) return std::nullopt;
  const Reruns reruns = formulation.reruns(result.values);
  const auto weight = weigh(problem, reruns);
  EXPECT_TRUE(weight.has_value());
  EXPECT_LE(weight->peak, limits.peak);
  EXPECT_LE(weight->saved, limits.saved);
  EXPECT_TRUE(formulation.model().is_feasible(formulation.values(reruns)));
  return Best{weight->seconds, *weight};
}

class Formulations : public ::testing::TestWithParam<Solver> {};

TEST_P(Formulations, FindTheOptimumOfAllSchedulesInStages) {
  const auto solver = make_solver(GetParam());
  std::size_t compared = 0, recomputing = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    testing::RandomGraphOptions options{.forward_ops = 2 + static_cast<int>(seed % 3),
                                        .implementations = false,
                                        .statistics = seed % 3 == 0};
    options.in_place = seed % 2 == 0;
    TrainingGraph graph = testing::random_graph(seed, options);
    if (options.in_place) graph = with_equal_sizes(graph);
    const auto front = testing::exhaustive_front(graph, 60'000, testing::RunOrder::kStages);
    if (!front) continue;
    const StagedProblem problem = staged_graph(graph);
    for (const testing::ParetoPoint& point : *front) {
      const std::int64_t bytes = (point.peak - graph.static_bytes()).count();
      const auto best = solve(problem, {kUnlimited, bytes}, *solver);
      ASSERT_TRUE(best.has_value()) << "seed " << seed << " at " << point.peak;
      EXPECT_NEAR(best->seconds + graph.plain_seconds().count(), point.seconds.count(), 1e-6)
          << "seed " << seed << " at " << point.peak;
      ++compared;
      if (best->seconds > 0) ++recomputing;
    }
    const std::int64_t least = (front->front().peak - graph.static_bytes()).count();
    EXPECT_FALSE(solve(problem, {kUnlimited, least - 1}, *solver).has_value()) << "seed " << seed;
  }
  EXPECT_GT(compared, 50U);
  EXPECT_GT(recomputing, 10U);
}

// All choices of a block, one by one.
std::vector<Weight> all_choices(const StagedProblem& problem) {
  std::vector<std::pair<std::size_t, std::size_t>> places;
  for (std::size_t t = 0; t < problem.steps.size(); ++t) {
    for (std::size_t i = 0; i < t; ++i) {
      if (problem.may_run_again(i, t)) places.emplace_back(t, i);
    }
  }
  std::vector<Weight> weights;
  if (places.size() > 12) return weights;
  for (std::size_t mask = 0; mask < std::size_t{1} << places.size(); ++mask) {
    Reruns reruns(problem.steps.size());
    for (std::size_t k = 0; k < places.size(); ++k) {
      if ((mask >> k & 1) != 0) reruns[places[k].first].push_back(places[k].second);
    }
    if (const auto weight = weigh(problem, reruns)) weights.push_back(*weight);
  }
  return weights;
}

TEST_P(Formulations, FindTheOptimumOfABlockForEveryPairOfLimits) {
  const auto solver = make_solver(GetParam());
  std::size_t compared = 0, recomputing = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed, {.forward_ops = 7});
    const Chain chain = cut_chain(graph, {1 + seed % 2, 4 + seed % 2});
    for (const Block& block : chain.blocks) {
      const StagedProblem problem = staged_block(graph, block);
      const std::vector<Weight> all = all_choices(problem);
      std::mt19937_64 random(seed);
      for (int pair = 0; pair < 8 && !all.empty(); ++pair) {
        const Limits limits{all[random() % all.size()].saved, all[random() % all.size()].peak};
        std::optional<double> least;
        for (const Weight& weight : all) {
          if (weight.saved > limits.saved || weight.peak > limits.peak) continue;
          least = std::min(weight.seconds, least.value_or(weight.seconds));
        }
        const auto best = solve(problem, limits, *solver);
        ASSERT_EQ(best.has_value(), least.has_value()) << "seed " << seed;
        if (!best) continue;
        EXPECT_NEAR(best->seconds, *least, 1e-6) << "seed " << seed;
        ++compared;
        if (*least > 0) ++recomputing;
      }
    }
  }
  EXPECT_GT(compared, 300U);
  EXPECT_GT(recomputing, 50U);
}

INSTANTIATE_TEST_SUITE_P(Solvers, Formulations, ::testing::ValuesIn(linked_solvers()),
                         [](const auto& test) { return std::string(to_string(test.param)); });

}  // namespace
}  // namespace rockmate::checkmate
