// After any series of moves, kept or undone, the incremental state says what the judge says of the
// plan that it stands for.
#include "search/state.h"

#include <gtest/gtest.h>

#include <cmath>
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

TEST(State, AgreesWithTheJudgeAfterEveryMove) {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE("graph " + std::to_string(seed));
    const TrainingGraph graph =
        rockmate::testing::random_graph(seed, {.forward_ops = 4 + static_cast<int>(seed % 20)});
    const Problem problem(graph);
    Random random(seed);
    const double budget = tight_budget(graph, random);
    State state(problem, budget, program_order(graph));
    Moves moves(problem, state, random);
    for (int k = 0; k < 60; ++k) {
      const Runs before = state.runs();
      if (moves.propose()) {
        expect_agreement(problem, state, budget);
        if (random.chance(0.6)) {
          state.commit();
          expect_agreement(problem, state, budget);
          continue;
        }
      }
      state.rollback();
      EXPECT_EQ(state.runs(), before);
      expect_agreement(problem, state, budget);
      if (HasFailure()) FAIL() << "move " << k;
    }
  }
}

}  // namespace
}  // namespace rockmate::search
