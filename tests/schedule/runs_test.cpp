#include "schedule/runs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "support/random_graph.h"

namespace rockmate {
namespace {

using ::testing::ElementsAre;

TrainingGraph chain() {
  TrainingGraphBuilder b("chain");
  b.value({.name = "x", .bytes = Bytes(1)}).value({.name = "a", .bytes = Bytes(1)});
  b.value({.name = "m", .bytes = Bytes(1)}).value({.name = "c", .bytes = Bytes(1)});
  b.value({.name = "d", .bytes = Bytes(1)});
  b.op({.name = "f",
        .seconds = Seconds(1),
        .inputs = {"x"},
        .outputs = {"a", "m"},
        .optional = {"m"}});
  b.op({.name = "g", .seconds = Seconds(1), .inputs = {"a"}, .outputs = {"c"}});
  b.op({.name = "b",
        .phase = Phase::kBackward,
        .seconds = Seconds(1),
        .inputs = {"c", "m"},
        .outputs = {"d"}});
  return std::move(b.result("d")).build();
}

std::string text(const TrainingGraph& graph, const Schedule& schedule) {
  std::string text;
  for (const Action& action : schedule) {
    if (const auto* free = std::get_if<Free>(&action)) {
      text += "-" + graph[free->value].name + " ";
      continue;
    }
    const auto& compute = std::get<Compute>(action);
    text += graph[compute.op].name;
    for (const ValueId v : compute.skip) text += "!" + graph[v].name;
    text += " ";
  }
  return text;
}

TEST(Runs, ProgramOrderRunsEveryOpOnce) {
  EXPECT_THAT(program_order(chain()),
              ElementsAre(rockmate::Run{OpId(0)}, rockmate::Run{OpId(1)}, rockmate::Run{OpId(2)}));
}

TEST(Runs, ValuesDieAfterTheirLastUseAndResultsStay) {
  const TrainingGraph graph = chain();
  EXPECT_EQ(text(graph, plain_schedule(graph)), "f g -a b -c -m ");
}

TEST(Runs, WhatIsMadeAgainDiesInBetween) {
  const TrainingGraph graph = chain();
  const OpId f(0), g(1), b(2);
  EXPECT_EQ(text(graph, schedule_from_runs(graph, {{f}, {g}, {f}, {b}})), "f!m g -a f -a b -c -m ");
}

TEST(Runs, IdleRunsGoAndFirstRunsStay) {
  const TrainingGraph graph = chain();
  const OpId f(0), g(1), b(2);
  EXPECT_THAT(without_idle_runs(graph, {{f}, {f}, {g}, {b}, {g}}),
              ElementsAre(rockmate::Run{f}, rockmate::Run{f}, rockmate::Run{g}, rockmate::Run{b}))
      << "the second g makes nothing that is used; the first f is the op's first";
}

// Any executable sequence of runs gives a valid schedule, and dropping idle runs keeps it so.
TEST(Runs, RandomRecomputationsGiveValidSchedules) {
  std::size_t recomputed = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    testing::RandomGraphOptions options;
    options.updates = false;  // so that what has run can run again at any later time
    const TrainingGraph graph = testing::random_graph(seed, options);
    std::mt19937_64 random(seed);
    Runs runs = program_order(graph);
    for (int k = 0; k < 6; ++k) {
      const std::size_t from = random() % runs.size();
      if (!graph[runs[from].op].recomputable) continue;
      const std::size_t to = from + 1 + random() % (runs.size() - from);
      runs.insert(runs.begin() + static_cast<std::ptrdiff_t>(to), runs[from]);
    }
    const auto trace = simulate(graph, schedule_from_runs(graph, runs));
    ASSERT_TRUE(trace) << "seed " << seed << ": " << trace.error();
    EXPECT_EQ(trace->recomputations, runs.size() - graph.ops().size());
    const auto lean = simulate(graph, schedule_from_runs(graph, without_idle_runs(graph, runs)));
    ASSERT_TRUE(lean) << "seed " << seed << ": " << lean.error();
    EXPECT_LE(lean->seconds, trace->seconds);
    EXPECT_LE(lean->peak, trace->peak) << "seed " << seed;
    recomputed += lean->recomputations;
  }
  EXPECT_GT(recomputed, 100U);
}

}  // namespace
}  // namespace rockmate
