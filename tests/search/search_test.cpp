#include "search/search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stop_token>

#include "rockmate/schedule.h"
#include "support/random_graph.h"

namespace rockmate {
namespace {

using testing::random_graph;

Bytes plain_peak(const TrainingGraph& graph) {
  return simulate(graph, plain_schedule(graph))->peak;
}
Bytes share_of(const TrainingGraph& graph, int percent) {
  const std::int64_t fixed = graph.static_bytes().count();
  return Bytes(fixed + (plain_peak(graph).count() - fixed) * percent / 100);
}

TEST(Search, ReturnsPlansThatTheJudgeConfirms) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const TrainingGraph graph = random_graph(seed, {.forward_ops = 10});
    const Bytes budget = share_of(graph, 50 + static_cast<int>(seed % 5) * 10);
    const SearchResult found =
        improve(graph, budget, program_order(graph), {.seed = seed, .work_limit = 3000});
    const auto trace =
        simulate(graph, schedule_from_runs(graph, found.runs, TakeOver::kWhereEqual));
    ASSERT_TRUE(trace) << "graph " << seed << ": " << trace.error();
    EXPECT_EQ(trace->peak, found.peak) << "graph " << seed;
    EXPECT_NEAR(trace->seconds.count(), found.seconds.count(), 1e-9) << "graph " << seed;
    EXPECT_EQ(found.feasible, found.peak <= budget) << "graph " << seed;
  }
}

TEST(Search, FindsTheSameForTheSameSeedAndWork) {
  const TrainingGraph graph = random_graph(7, {.forward_ops = 20});
  const SearchOptions options{.seed = 3, .work_limit = 5000};
  const Bytes budget = share_of(graph, 60);
  const SearchResult a = improve(graph, budget, program_order(graph), options);
  const SearchResult b = improve(graph, budget, program_order(graph), options);
  EXPECT_EQ(a.runs, b.runs);
  EXPECT_EQ(a.moves, b.moves);
}

TEST(Search, EndsAtALowerBoundThatIsMet) {
  const TrainingGraph graph = random_graph(7, {.forward_ops = 20});
  const SearchResult found = improve(graph, plain_peak(graph), program_order(graph),
                                     {.lower_bound = Seconds(graph.plain_seconds().count() + 1)});
  EXPECT_TRUE(found.feasible);
  EXPECT_EQ(found.moves, 0U);
}

TEST(Search, StopsWhenAsked) {
  const TrainingGraph graph = random_graph(7, {.forward_ops = 20});
  std::stop_source source;
  std::uint64_t last = 0;
  const SearchOptions options{.stop = source.get_token(),
                              .progress = [&](const SearchProgress& progress) {
                                last = progress.moves;
                                if (progress.moves > 0) source.request_stop();
                              }};
  const SearchResult found = improve(graph, share_of(graph, 60), program_order(graph), options);
  EXPECT_LE(found.moves, last + 1);
  EXPECT_LT(found.moves, options.work_limit);
}

TEST(Search, KeepsWithinTheWorkLimit) {
  const TrainingGraph graph = random_graph(7, {.forward_ops = 20});
  EXPECT_EQ(improve(graph, Bytes(1), program_order(graph), {.work_limit = 777}).moves, 777U);
}

TEST(Search, ReportsTheSmallestPeakWhereNothingFits) {
  const TrainingGraph graph = random_graph(3, {.forward_ops = 12});
  const SearchResult found =
      improve(graph, graph.static_bytes(), program_order(graph), {.work_limit = 5000});
  EXPECT_FALSE(found.feasible);
  EXPECT_LT(found.peak, plain_peak(graph));
}

TEST(Search, RefusesAStartThatCannotRun) {
  const TrainingGraph graph = random_graph(1);
  Runs backwards = program_order(graph);
  std::reverse(backwards.begin(), backwards.end());
  EXPECT_THROW((void)improve(graph, Bytes(1), backwards), InvalidInput);
}

TEST(Search, RefusesAStartThatReadsBeforeAnUpdateWhatItShouldReadAfter) {
  TrainingGraphBuilder b("updated");
  b.value({.name = "w", .bytes = 4_B, .kind = ValueKind::kParameter}).value({.name = "y"});
  b.op({.name = "sgd", .seconds = Seconds(1), .inputs = {"w"}, .updates = {"w"}});
  b.op({.name = "read", .seconds = Seconds(1), .inputs = {"w"}, .outputs = {"y"}});
  const TrainingGraph graph = std::move(b).build();
  EXPECT_THROW((void)improve(graph, Bytes(9), {{OpId(1)}, {OpId(0)}}), InvalidInput);
  EXPECT_TRUE(improve(graph, Bytes(9), program_order(graph), {.work_limit = 100}).feasible);
}

// A huge unread value would make the search's sums inexact.
TEST(Search, RefusesSizesThatAreNotExact) {
  TrainingGraphBuilder b("huge");
  b.value({.name = "y", .bytes = Bytes((std::int64_t{1} << 53) + 1)});
  b.op({.name = "f", .seconds = Seconds(1), .outputs = {"y"}});
  const TrainingGraph graph = std::move(b).build();
  EXPECT_THROW((void)improve(graph, Bytes(1), program_order(graph)), InvalidInput);
}

TEST(Search, TakesAnEmptyGraph) {
  const TrainingGraph graph = TrainingGraphBuilder("empty").build();
  const SearchResult found = improve(graph, Bytes(0), {}, {.work_limit = 10});
  EXPECT_TRUE(found.feasible);
  EXPECT_TRUE(found.runs.empty());
}

}  // namespace
}  // namespace rockmate
