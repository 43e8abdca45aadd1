// After any series of moves, kept or undone, the incremental state says what the judge says of the
// plan that it stands for.
#include "search/state.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "rockmate/schedule.h"
#include "search/moves.h"
#include "support/random_graph.h"

namespace rockmate::search {
namespace {

struct Figures {
  double peak, excess, seconds;
};

// What the judge says, and the bytes above the budget summed over its runs.
Figures judge(const TrainingGraph& graph, const Runs& runs, double budget) {
  const Schedule schedule = schedule_from_runs(graph, runs, TakeOver::kWhereEqual);
  const auto trace = simulate(graph, schedule);
  if (!trace) {
    ADD_FAILURE() << trace.error();
    return {};
  }
  Figures figures{static_cast<double>(trace->peak.count()), 0, trace->seconds.count()};
  for (std::size_t i = 0; i < schedule.size(); ++i) {
    const double live = static_cast<double>(trace->live[i].count());
    if (std::holds_alternative<Compute>(schedule[i]))
      figures.excess += std::max(0.0, live - budget);
  }
  return figures;
}

void expect_agreement(const Problem& problem, const State& state, double budget) {
  const Figures judged = judge(problem.graph, state.runs(), budget);
  EXPECT_EQ(state.peak(), judged.peak);
  EXPECT_EQ(state.excess(), judged.excess);
  EXPECT_NEAR(state.seconds(), judged.seconds, 1e-9 * judged.seconds);
}

double tight_budget(const TrainingGraph& graph, Random& random) {
  const double peak = static_cast<double>(simulate(graph, plain_schedule(graph))->peak.count());
  const double fixed = static_cast<double>(graph.static_bytes().count());
  return std::floor(fixed + (peak - fixed) * (0.4 + 0.6 * random.uniform()));
}

// Draws moves, keeps some, undoes the others, and compares after each.
void walk(const TrainingGraph& graph, std::uint64_t seed, int moves_to_draw) {
  const Problem problem(graph);
  Random random(seed);
  const double budget = tight_budget(graph, random);
  State state(problem, budget, program_order(graph));
  Moves moves(problem, state, random);
  for (int k = 0; k < moves_to_draw && !::testing::Test::HasFailure(); ++k) {
    const Runs before = state.runs();
    const bool moved = moves.propose(std::numeric_limits<double>::infinity());
    if (moved) state.settle();
    if (moved) expect_agreement(problem, state, budget);
    if (moved && random.chance(0.6)) {
      state.commit();
    } else {
      state.rollback();
      EXPECT_EQ(state.runs(), before) << "move " << k;
    }
    expect_agreement(problem, state, budget);
  }
}

TEST(State, AgreesWithTheJudgeAfterEveryMove) {
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    SCOPED_TRACE("graph " + std::to_string(seed));
    walk(rockmate::testing::random_graph(
             seed, {.forward_ops = 4 + static_cast<int>(seed % 20), .statistics = seed % 3 == 0}),
         seed, 60);
  }
}

TEST(State, AgreesWithTheJudgeOnLargerGraphs) {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    SCOPED_TRACE("graph " + std::to_string(seed));
    walk(rockmate::testing::random_graph(seed, {.forward_ops = 120}), seed, 150);
  }
}

// Drags that need more runs moved than they may are given up, not made in part.
TEST(State, SurvivesManyMovesOfALongChain) {
  TrainingGraphBuilder b("chain");
  const auto y = [](int k) { return fmt::format("y{}", k); };
  for (int k = 0; k < 300; ++k) {
    b.value({.name = y(k), .bytes = Bytes(1 + k % 7)});
    const std::vector<std::string> inputs =
        k == 0 ? std::vector<std::string>{} : std::vector{y(k - 1)};
    b.op({.name = fmt::format("f{}", k),
          .seconds = Seconds(1),
          .inputs = inputs,
          .outputs = {y(k)}});
  }
  const TrainingGraph graph = std::move(b).build();
  const Problem problem(graph);
  Random random(1);
  State state(problem, 8, program_order(graph));
  Moves moves(problem, state, random);
  int kept = 0;
  for (int k = 0; k < 20'000; ++k) {
    const double before = state.seconds();
    if (moves.propose(std::numeric_limits<double>::infinity()) && state.seconds() <= before) {
      state.settle();
      state.commit();
      ++kept;
    } else {
      state.rollback();
    }
  }
  EXPECT_GT(kept, 0);
  expect_agreement(problem, state, 8);
}

}  // namespace
}  // namespace rockmate::search
