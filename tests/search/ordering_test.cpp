#include <gtest/gtest.h>

#include <algorithm>

#include "rockmate/schedule.h"
#include "search/search.h"
#include "support/random_graph.h"

namespace rockmate {
namespace {

using testing::random_graph;

// Summed over the runs, by the judge's count.
std::int64_t bytes_above(const TrainingGraph& graph, const Runs& runs, Bytes budget) {
  const Schedule schedule = schedule_from_runs(graph, runs, TakeOver::kWhereEqual);
  const auto trace = simulate(graph, schedule);
  EXPECT_TRUE(trace) << trace.error();
  std::int64_t sum = 0;
  for (std::size_t k = 0; k < schedule.size(); ++k) {
    if (!std::holds_alternative<Compute>(schedule[k])) continue;
    sum += std::max<std::int64_t>(0, (trace->live[k] - budget).count());
  }
  return sum;
}

Bytes most_of(const TrainingGraph& graph, int percent) {
  const std::int64_t fixed = graph.static_bytes().count();
  const Bytes peak = simulate(graph, plain_schedule(graph))->peak;
  return Bytes(fixed + (peak.count() - fixed) * percent / 100);
}

TEST(Reorder, KeepsTheRunsAndIsNeverFurtherAboveTheBudget) {
  int lower = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const TrainingGraph graph = random_graph(seed, {.forward_ops = 12});
    const Bytes budget = most_of(graph, 50 + static_cast<int>(seed % 4) * 10);
    const Runs start = program_order(graph);
    Runs found = reorder(graph, budget, start, {.seed = seed, .work_limit = 3000});
    const std::int64_t before = bytes_above(graph, start, budget);
    const std::int64_t after = bytes_above(graph, found, budget);
    EXPECT_LE(after, before) << "graph " << seed;
    lower += after < before ? 1 : 0;
    const auto by_op = [](const rockmate::Run& a, const rockmate::Run& b) { return a.op < b.op; };
    std::sort(found.begin(), found.end(), by_op);
    Runs all = start;
    std::sort(all.begin(), all.end(), by_op);
    EXPECT_TRUE(
        std::equal(found.begin(), found.end(), all.begin(), all.end(),
                   [](const rockmate::Run& a, const rockmate::Run& b) { return a.op == b.op; }))
        << "graph " << seed;
  }
  EXPECT_GT(lower, 20);
}

// Two branches from one value: in turns their large values live side by side, one after the other
// they do not.
TEST(Reorder, FindsTheOrderInWhichNothingIsAboveTheBudget) {
  TrainingGraphBuilder b("branches");
  constexpr int kBranches = 5;
  b.value({.name = "x", .bytes = 1_B});
  b.op({.name = "load", .seconds = Seconds(1), .outputs = {"x"}});
  std::vector<std::string> small;
  for (int k = 0; k < kBranches; ++k) {
    const std::string n = std::to_string(k);
    b.value({.name = "large" + n, .bytes = 100_B}).value({.name = "small" + n, .bytes = 1_B});
    b.op({.name = "grow" + n, .seconds = Seconds(1), .inputs = {"x"}, .outputs = {"large" + n}});
    small.push_back("small" + n);
  }
  for (int k = 0; k < kBranches; ++k) {
    const std::string n = std::to_string(k);
    b.op({.name = "shrink" + n,
          .seconds = Seconds(1),
          .inputs = {"large" + n},
          .outputs = {"small" + n}});
  }
  b.value({.name = "y", .bytes = 1_B});
  b.op({.name = "join", .seconds = Seconds(1), .inputs = small, .outputs = {"y"}});
  const TrainingGraph graph = std::move(b).build();
  const Bytes budget(106);
  EXPECT_GT(bytes_above(graph, program_order(graph), budget), 0);
  const Runs found = reorder(graph, budget, program_order(graph), {.work_limit = 20'000});
  EXPECT_EQ(bytes_above(graph, found, budget), 0);
}

TEST(Reorder, FindsTheSameForTheSameSeedAndWork) {
  const TrainingGraph graph = random_graph(7, {.forward_ops = 20});
  const ReorderOptions options{.seed = 3, .work_limit = 5000};
  const Bytes budget = most_of(graph, 60);
  EXPECT_EQ(reorder(graph, budget, program_order(graph), options),
            reorder(graph, budget, program_order(graph), options));
}

}  // namespace
}  // namespace rockmate
