// Blocks of training graphs: what the chain says of bytes and seconds is held against the graph
// itself, by running plans of the chain on it.
#include "pipeline/stage_model.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "pipeline/segments.h"
#include "pipeline/stage_candidates.h"
#include "rockmate/training_model.h"
#include "schedule/runs.h"
#include "support/chain_graph.h"
#include "support/models.h"
#include "support/random_candidates.h"
#include "support/random_graph.h"
#include "support/throws.h"

namespace rockmate {
namespace {

constexpr std::size_t kBlocks = 12;

// The steps of one micro-batch as runs of ops; updates come last, those of statistics once.
Runs runs_of(const TrainingGraph& graph, const Chain& chain, const std::vector<StageStep>& steps) {
  Runs runs;
  std::vector<OpId> updates;
  std::vector<bool> has_run(graph.ops().size());
  const auto run = [&](OpId op) {
    if (has_run[op.index()] && graph[op].outputs.empty()) return;
    has_run[op.index()] = true;
    runs.push_back({op});
  };
  const auto backward = [&](const std::vector<OpId>& ops) {
    for (const OpId op : ops) {
      if (graph[op].phase == Phase::kUpdate) {
        updates.push_back(op);
      } else {
        runs.push_back({op});
      }
    }
  };
  for (const StageStep& step : steps) {
    const Block& block = chain.blocks[step.block];
    if (step.kind == StageStepKind::kPass || step.kind == StageStepKind::kSave) {
      for (const OpId op : block.forward) run(op);
    }
    if (step.kind != StageStepKind::kBackward) continue;
    std::vector<OpId> order = block.forward, ops;
    order.insert(order.end(), block.backward.begin(), block.backward.end());
    for (const std::uint32_t k : step.runs) ops.push_back(order[k]);
    backward(step.runs.empty() ? block.backward : ops);
  }
  backward(chain.tail);
  for (const OpId op : updates) runs.push_back({op});
  return runs;
}

struct Checked {
  std::size_t plans = 0, with_candidates = 0;
};

// Plans from much memory to little; each is run on the graph, and none is slower than one that
// keeps blocks or runs them again as a whole.
Checked expect_sound(const TrainingGraph& graph,
                     const std::vector<std::vector<Candidate>>& candidates = {},
                     std::size_t blocks = kBlocks) {
  const Chain chain = cut_stage_blocks(graph, blocks);
  const StageModel two_choices(graph, blocks), model(graph, blocks, candidates);
  EXPECT_LE(model.size(), blocks);
  const Segments before(two_choices.chain()), segments(model.chain());
  const StageRange all = {0, model.size() - 1};
  const StageFixed fixed = model.fixed(all);
  EXPECT_EQ(fixed.parameters + fixed.states + fixed.data, graph.static_bytes());
  Checked checked;
  const auto most = plan_global(segments, all, 1, Bytes(std::int64_t{1} << 50));
  if (!most) return checked;
  EXPECT_NEAR((most->seconds + fixed.update).count(), graph.plain_seconds().count(),
              1e-9 * graph.plain_seconds().count());
  const Bytes peak = strategies_of(model.chain(), all, most->steps).front().backward_peak;
  for (int percent = 110; percent > 20; percent -= 15) {
    const Bytes memory(peak.count() * percent / 100);
    const auto plan = plan_global(segments, all, 1, memory);
    const auto coarse = plan_global(before, all, 1, memory);
    if (coarse) {
      EXPECT_TRUE(plan && plan->seconds.count() <= coarse->seconds.count() * (1 + 1e-9)) << percent;
    }
    if (!plan) break;
    ++checked.plans;
    const auto strategy = strategies_of(model.chain(), all, plan->steps).front();
    checked.with_candidates +=
        std::any_of(strategy.steps.begin(), strategy.steps.end(),
                    [](const StageStep& step) { return !step.runs.empty(); });
    const Runs runs = runs_of(graph, chain, strategy.steps);
    const auto trace = simulate(graph, schedule_from_runs(graph, runs));
    EXPECT_TRUE(trace.has_value()) << trace.error().message;
    if (!trace) break;
    EXPECT_LE(trace->peak, memory + fixed.all(1)) << percent;
    EXPECT_LE(trace->seconds.count(), (plan->seconds + fixed.update).count() * (1 + 1e-9));
  }
  return checked;
}

TEST(StageModel, PlansOnRandomGraphsFitWhereTheyRun) {
  std::size_t plans = 0;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    testing::RandomGraphOptions options;
    options.forward_ops = 4 + static_cast<int>(seed % 12);
    options.implementations = false;
    options.run_once = seed % 3 == 0;
    SCOPED_TRACE(seed);
    plans += expect_sound(testing::random_graph(seed, options)).plans;
  }
  EXPECT_GT(plans, 150u);
}

TEST(StageModel, PlansWithRandomCandidatesFitWhereTheyRun) {
  Checked all;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    testing::RandomGraphOptions options;
    options.forward_ops = 14 + static_cast<int>(seed % 40);
    options.implementations = false;
    options.run_once = seed % 3 == 0;
    options.statistics = seed % 4 == 0;
    SCOPED_TRACE(seed);
    const TrainingGraph graph = testing::random_graph(seed, options);
    const Chain chain = cut_stage_blocks(graph, kBlocks);
    const Checked checked = expect_sound(graph, testing::random_candidates(graph, chain, 6, seed));
    all.plans += checked.plans;
    all.with_candidates += checked.with_candidates;
  }
  EXPECT_GT(all.plans, 150u);
  EXPECT_GT(all.with_candidates, 30u);
}

// Of small blocks, by integer programs, and of large ones, from those of their parts.
TEST(StageModel, PlansWithSolvedCandidatesFitWhereTheyRun) {
  testing::GptSize size;
  size.layers = 3;
  size.features = 64;
  size.heads = 4;
  size.vocabulary = 500;
  size.positions = 32;
  std::size_t largest = 0;
  for (const Graph& graph : {testing::gpt(2, 32, size), testing::unet(1, 64, 3, 8)}) {
    for (const std::size_t blocks : {12, 4}) {
      const TrainingGraph training = make_training_graph(graph);
      const Chain chain = cut_stage_blocks(training, blocks);
      checkmate::BlockOptions options;
      options.candidates = 16;
      const auto candidates = stage_candidates(training, chain, options);
      EXPECT_GT(expect_sound(training, candidates, blocks).with_candidates, 0u);
      for (const Block& block : chain.blocks) largest = std::max(largest, block.forward.size());
    }
  }
  EXPECT_GT(largest, checkmate::kLargestBlock);
}

TEST(StageModel, PlansOnChainsFitWhereTheyRun) {
  std::size_t plans = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    plans += expect_sound(testing::chain_graph(3 + static_cast<int>(seed), seed)).plans;
  }
  EXPECT_GT(plans, 60u);
}

TEST(StageModel, PlansOnModelsFitWhereTheyRun) {
  TrainingOptions adam;
  adam.optimizer = OptimizerKind::kAdam;
  testing::GptSize size;
  size.layers = 4;
  size.features = 64;
  size.heads = 4;
  size.vocabulary = 500;
  size.positions = 32;
  EXPECT_GT(expect_sound(make_training_graph(testing::gpt(2, 32, size), adam)).plans, 2u);
  EXPECT_GT(expect_sound(make_training_graph(testing::unet(1, 64, 3, 8), adam)).plans, 1u);
  EXPECT_GT(expect_sound(make_training_graph(testing::mlp(32, 64, 8), adam)).plans, 2u);
}

TEST(StageModel, StagesHoldTiedParametersEach) {
  TrainingOptions adam;
  adam.optimizer = OptimizerKind::kAdam;
  testing::GptSize size;
  size.layers = 2;
  size.features = 64;
  size.heads = 4;
  size.vocabulary = 1000;
  size.positions = 16;
  const StageModel model(make_training_graph(testing::gpt(1, 16, size), adam), kBlocks);
  const std::size_t last = model.size() - 1;
  const Bytes embedding(4 * 64 * 1000);
  const Bytes all = model.fixed({0, last}).parameters;
  const Bytes halves =
      model.fixed({0, last / 2}).parameters + model.fixed({last / 2 + 1, last}).parameters;
  EXPECT_EQ(halves, all + embedding);
  // No stage sends a gradient as large as the embedding: its parts stay where they are made.
  for (std::size_t s = 1; s <= last; ++s) EXPECT_LT(model.chain().gradient_before(s), embedding);
}

TEST(StageModel, AGraphWithoutForwardOpsIsRefused) {
  TrainingGraphBuilder b("empty");
  b.op({.name = "loss", .phase = Phase::kLoss, .seconds = Seconds(1)});
  const TrainingGraph graph = std::move(b).build();
  EXPECT_EQ(testing::message_of([&] { StageModel model(graph, 4); }),
            "graph 'empty' has no forward ops, expected at least one per stage");
}

}  // namespace
}  // namespace rockmate
