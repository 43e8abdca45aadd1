#include "plan/search_team.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "rockmate/schedule.h"
#include "support/random_graph.h"

namespace rockmate {
namespace {

TrainingGraph tangled_graph(std::uint64_t seed) {
  return testing::random_graph(seed, {.forward_ops = 40, .updates = false});
}

Bytes share_of(const TrainingGraph& graph, double share) { return *Budget::share(share).on(graph); }

SearchTeam team_of(const TrainingGraph& graph, const PlanOptions& options, Bytes budget,
                   std::size_t lanes) {
  return {graph, options, budget, Bytes(), std::vector<SearchStart>(lanes, {program_order(graph)})};
}

TEST(SearchTeam, FindsTheSameOnAnyNumberOfThreads) {
  int found_any = 0;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const TrainingGraph graph = tangled_graph(seed);
    const Bytes budget = share_of(graph, 0.7);
    std::string first;
    for (const int threads : {1, 2, 3}) {
      PlanOptions options;
      options.threads = threads;
      const auto found = team_of(graph, options, budget, 3).run({.moves = 20'000});
      const std::string text = found ? plan_to_json(found->plan, graph) : "none";
      if (first.empty()) first = text;
      EXPECT_EQ(text, first) << "graph " << seed << " on " << threads << " threads";
      found_any += found.has_value();
    }
  }
  EXPECT_GT(found_any, 15);
}

// Whether or not addresses have to be searched for, what comes out has a layout within the budget.
TEST(SearchTeam, FindsPlansWhoseLayoutFits) {
  int found_any = 0, fragmented = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const TrainingGraph graph = tangled_graph(seed);
    const Bytes budget = share_of(graph, 0.6);
    const auto found = team_of(graph, {}, budget, 1).run({.moves = 20'000});
    if (!found) continue;
    ++found_any;
    EXPECT_LE(found->plan.needed(), budget) << "graph " << seed;
    fragmented += found->plan.needed() > found->plan.peak;
    const auto again = simulate(graph, found->plan.schedule);
    ASSERT_TRUE(again) << again.error();
    EXPECT_EQ(again->peak, found->plan.peak);
  }
  EXPECT_GT(found_any, 10);
  EXPECT_GT(fragmented, 0);
}

// A long search's plan as a start, beside program order: whichever lane stands first, it is ahead.
TEST(SearchTeam, KnowsWhichStartLedFurther) {
  int compared = 0;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const TrainingGraph graph = tangled_graph(seed);
    const Bytes budget = share_of(graph, 0.6);
    PlanOptions options;
    options.layout = false;
    const auto known = team_of(graph, options, budget, 1).run({.moves = 50'000});
    if (!known || known->plan.overhead == 0) continue;
    Lane good(graph, options, budget, Bytes(), {known->runs, SearchStart::kCold}, seed);
    Lane other(graph, options, budget, Bytes(), {program_order(graph)}, seed);
    EXPECT_FALSE(good.is_ahead_of(other)) << "neither has begun";
    good.run({.moves = 20});
    other.run({.moves = 20});
    EXPECT_TRUE(good.is_ahead_of(other)) << "graph " << seed;
    EXPECT_FALSE(other.is_ahead_of(good)) << "graph " << seed;
    ++compared;
  }
  EXPECT_GT(compared, 2);
}

// Ten times the moves are a chain of searches, of which the first is what the moves of one come to.
TEST(SearchTeam, ChainsLeadFurtherThanTheirFirstLink) {
  int improved = 0;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const TrainingGraph graph = tangled_graph(seed);
    const Bytes budget = share_of(graph, 0.5);
    PlanOptions options;
    options.layout = false;
    const std::uint64_t link = 200 * graph.ops().size();
    Lane one(graph, options, budget, Bytes(), {program_order(graph)}, seed);
    Lane ten(graph, options, budget, Bytes(), {program_order(graph)}, seed);
    one.run({.moves = link});
    ten.run({.moves = 10 * link});
    if (!one.found()) continue;
    ASSERT_TRUE(ten.found()) << "graph " << seed;
    EXPECT_LE(ten.found()->plan.seconds, one.found()->plan.seconds) << "graph " << seed;
    improved += ten.found()->plan.seconds < one.found()->plan.seconds;
  }
  EXPECT_GT(improved, 1);
}

// A scout leaves layouts all the room that they have been seen to lack.
TEST(SearchTeam, ScoutsFindPlansSoon) {
  const PlanOptions options;
  int scouted = 0, unscouted = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed, {.forward_ops = 160, .updates = false});
    const Bytes budget = share_of(graph, 0.5);
    for (const bool is_scout : {true, false}) {
      Lane lane(graph, options, budget, Bytes(), {program_order(graph)}, seed);
      lane.run({.moves = 20'000, .is_heat = true});
      if (lane.found()) continue;
      lane.run({.moves = 5'000, .is_tangled = true, .is_scout = is_scout});
      if (!lane.found()) continue;
      EXPECT_LE(lane.found()->plan.needed(), budget) << "graph " << seed;
      ++(is_scout ? scouted : unscouted);
    }
  }
  EXPECT_GT(scouted, 2);
  EXPECT_GE(scouted, unscouted);
}

TEST(SearchTeam, EndsAtALowerBoundThatIsMet) {
  const TrainingGraph graph = tangled_graph(1);
  const Bytes budget = simulate(graph, plain_schedule(graph))->peak + Bytes(1'000'000);
  const auto found = team_of(graph, {}, budget, 2)
                         .run({.moves = std::uint64_t{1} << 60,
                               .lower_bound = Seconds(graph.plain_seconds().count() + 1)});
  EXPECT_TRUE(found.has_value());
}

TEST(SearchTeam, DoesNothingWithoutMovesOrTime) {
  const TrainingGraph graph = tangled_graph(1);
  const Bytes budget = simulate(graph, plain_schedule(graph))->peak;
  EXPECT_FALSE(team_of(graph, {}, budget, 2).run({}).has_value());
  EXPECT_FALSE(team_of(graph, {}, budget, 2)
                   .run({.moves = 1000, .deadline = std::chrono::steady_clock::time_point()})
                   .has_value());
}

TEST(SearchTeam, ReportsWhileItSearchesAndStopsWhenAsked) {
  const TrainingGraph graph = tangled_graph(2);
  std::stop_source source;
  PlanOptions options;
  options.stop = source.get_token();
  const auto caller = std::this_thread::get_id();
  int calls = 0;
  const auto progress = [&](const std::optional<FoundPlan>&) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    if (++calls == 3) source.request_stop();
  };
  SearchTeam team = team_of(graph, options, share_of(graph, 0.3), 2);
  static_cast<void>(team.run({.moves = std::uint64_t{1} << 60, .progress = progress}));
  EXPECT_GE(calls, 3);
}

TEST(SearchTeam, NamesTheClosestRunsWhereNothingFits) {
  const TrainingGraph graph = tangled_graph(3);
  const PlanOptions options;
  SearchTeam team = team_of(graph, options, graph.static_bytes(), 1);
  EXPECT_FALSE(team.run({.moves = 5'000}).has_value());
  const auto trace = simulate(graph, schedule_from_runs(graph, team.closest().runs));
  ASSERT_TRUE(trace) << trace.error();
  EXPECT_LT(trace->peak, simulate(graph, plain_schedule(graph))->peak);
}

}  // namespace
}  // namespace rockmate
