// Pipelines on devices whose engines differ: planned with each engine's own costs, and run, each
// rank on its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/chain_graph.h"
#include "support/files.h"
#include "support/models.h"
#include "support/pipeline_runs.h"
#include "support/small_models.h"
#include "support/throws.h"

namespace rockmate {
namespace {

using testing::equal_devices;
using ::testing::HasSubstr;
using testing::message_of;
using testing::PipelineRecord;
using testing::PipelineRunSetup;
using testing::run_pipeline;

TrainingModel gpt_of(const TrainingOptions& options) {
  return make_training_model(testing::gpt(2, 8,
                                          {.layers = 3,
                                           .heads = 2,
                                           .features = 16,
                                           .vocabulary = 23,
                                           .positions = 8,
                                           .dropout = 0.2}),
                             options);
}

// As the engines of a cluster make it; "half" and "double" are no engines, but costs.
TrainingGraph graph_of(const std::string& engine) {
  TrainingOptions options;
  if (engine == "half" || engine == "double") {
    const TrainingModel model = gpt_of(options);
    CostModel costs = CostModel::measured();
    for (std::size_t o = 0; o < model.kernels.size(); ++o) {
      const double share = engine == "half" ? 0.5 : 2;
      costs.set(signature(model, OpId(o)),
                {Seconds(model.graph[OpId(o)].seconds().count() * share)});
    }
    options.costs = costs;
  } else if (!engine.empty()) {
    options.workspace = engine_workspace(engine, 1);
  }
  return gpt_of(options).graph;
}

PipelineOptions coarse() {
  PipelineOptions options;
  options.max_blocks = 10;
  return options;
}

Cluster cluster_of(const std::vector<PipelineDevice>& devices) {
  Cluster cluster = equal_devices(devices.size());
  cluster.devices = devices;
  cluster.bytes_per_second = 1e9;
  return cluster;
}

// Costs that are a multiple of others say the same as a speed.
TEST(EngineKinds, OfProportionalCostsAreSpeeds) {
  const Bytes memory = 64_MiB;
  const auto by_engine = plan_pipeline(
      [](const std::string& engine, std::size_t) { return graph_of(engine); }, {4},
      cluster_of({{"", memory, 1, ""}, {"", memory, 1, "half"}, {"", memory, 1, "double"}}),
      coarse());
  const auto by_speed = plan_pipeline(
      graph_of(""), 4,
      cluster_of({{"", memory, 1, ""}, {"", memory, 2, ""}, {"", memory, 0.5, ""}}), coarse());
  ASSERT_TRUE(by_engine && by_speed);
  EXPECT_NEAR(by_engine->trace.makespan.count(), by_speed->trace.makespan.count(),
              1e-9 * by_speed->trace.makespan.count());
  EXPECT_LE(by_engine->lower_bound.count(), by_engine->trace.makespan.count() * (1 + 1e-9));
  EXPECT_LE(by_engine->lower_bound.count(), by_speed->lower_bound.count() * (1 + 1e-9))
      << "of unrelated costs less is known";
  EXPECT_GT(by_engine->lower_bound.count(), 0.3 * by_speed->lower_bound.count());
  EXPECT_FALSE(check_memory(by_engine->pipeline, by_engine->trace));
}

bool uses_candidates(const Pipeline& pipeline) {
  return std::ranges::any_of(pipeline.stages, [](const PipelineStage& stage) {
    return std::ranges::any_of(stage.strategies, [](const StageStrategy& strategy) {
      return std::ranges::any_of(strategy.steps,
                                 [](const auto& step) { return !step.runs.empty(); });
    });
  });
}

// Within little memory: each engine's blocks have candidates, never for the worse, and the bounds
// hold.
TEST(EngineKinds, HaveCandidatesOfTheirOwn) {
  const testing::TemporaryFolder cache;
  PipelineOptions two_choices = coarse();
  two_choices.max_blocks = 6;
  two_choices.family = PipelineFamily::kOneForwardOneBackward;
  two_choices.candidates = 0;
  PipelineOptions fine = two_choices;
  fine.candidates = 16;
  fine.cache = cache.path();
  const auto by_engine = [](Bytes memory, const PipelineOptions& options) {
    return plan_pipeline([](const std::string& engine, std::size_t) { return graph_of(engine); },
                         {4}, cluster_of({{"", memory, 1, ""}, {"", memory, 1, "half"}}), options);
  };
  Bytes most;
  const auto roomy = by_engine(64_MiB, two_choices);
  ASSERT_TRUE(roomy);
  for (const RankTrace& rank : roomy->trace.ranks) most = std::max(most, rank.peak);
  std::size_t faster = 0, with_candidates = 0;
  for (int percent = 95; percent > 40; percent -= 10) {
    const Bytes memory(most.count() * percent / 100);
    const auto before = by_engine(memory, two_choices), after = by_engine(memory, fine);
    if (!before) continue;
    ASSERT_TRUE(after) << percent;
    EXPECT_LE(after->trace.makespan, before->trace.makespan) << percent;
    faster += after->trace.makespan.count() < before->trace.makespan.count() * 0.999;
    with_candidates += uses_candidates(after->pipeline);
    const auto by_speed = plan_pipeline(
        graph_of(""), 4, cluster_of({{"", memory, 1, ""}, {"", memory, 2, ""}}), two_choices);
    EXPECT_LE(before->lower_bound.count(), by_speed->lower_bound.count() * (1 + 1e-9)) << percent;
    for (const auto* plan : {&before, &after}) {
      EXPECT_LE((*plan)->lower_bound.count(), (*plan)->trace.makespan.count() * (1 + 1e-9));
      EXPECT_FALSE(check_memory((*plan)->pipeline, (*plan)->trace)) << percent;
    }
  }
  EXPECT_GT(faster, 0u);
  EXPECT_GT(with_candidates, 0u);
}

// Devices of more kinds than the bound tells apart count as the best of each engine: no more is
// known than where they are few.
TEST(EngineKinds, AreBoundWhereTheyAreMany) {
  constexpr std::size_t kDevices = 14;
  PipelineOptions options = coarse();
  options.max_blocks = 20;
  options.family = PipelineFamily::kOneForwardOneBackward;
  options.candidates = 0;
  const auto plan_with = [&](std::int64_t step) {
    std::vector<PipelineDevice> devices;
    for (std::size_t d = 0; d < kDevices; ++d) {
      devices.push_back(
          {"", 64_MiB - Bytes(static_cast<std::int64_t>(d) * step), 1, d % 3 == 1 ? "half" : ""});
    }
    return plan_pipeline([](const std::string& engine, std::size_t) { return graph_of(engine); },
                         {4}, cluster_of(devices), options);
  };
  const auto few = plan_with(0), many = plan_with(1);
  ASSERT_TRUE(few && many);
  EXPECT_LE(many->lower_bound.count(), few->lower_bound.count() * (1 + 1e-9));
  EXPECT_GT(many->lower_bound.count(), 0.5 * few->lower_bound.count());
  EXPECT_LE(many->lower_bound.count(), many->trace.makespan.count() * (1 + 1e-9));
  EXPECT_LE(few->lower_bound.count(), few->trace.makespan.count() * (1 + 1e-9));
}

TEST(EngineKinds, RefuseGraphsOfOtherOps) {
  const Cluster mixed = cluster_of({{"", 1_GiB, 1, ""}, {"", 1_GiB, 1, "other"}});
  EXPECT_THAT(message_of([&] {
                static_cast<void>(plan_pipeline(
                    [](const std::string& engine, std::size_t) {
                      return engine.empty() ? graph_of("")
                                            : make_training_graph(testing::mlp(8, 8, 4));
                    },
                    {2}, mixed, coarse()));
              }),
              HasSubstr("other ops"));
  EXPECT_THAT(
      message_of([&] { static_cast<void>(plan_pipeline(graph_of(""), 2, mixed, coarse())); }),
      HasSubstr("engine 'other'"));
}

// A stage on each device, whether that is faster or not.
Pipeline pipeline_on(const Cluster& cluster) {
  PipelineOptions options = coarse();
  options.method = PipelineMethod::kGlobal;
  const auto plan =
      plan_pipeline([](const std::string& engine, std::size_t) { return graph_of(engine); },
                    {testing::kMicroBatches}, cluster, options);
  EXPECT_TRUE(plan.has_value());
  EXPECT_EQ(plan->pipeline.stages.size(), cluster.devices.size());
  return plan->pipeline;
}

// One rank on the emulated card, one on the reference engine: the losses and gradients of the
// reference engine alone, but for rounding, and the planned bytes on both.
TEST(EngineKinds, RunTogetherInThePlannedBytes) {
  const TrainingModel model = gpt_of({});
  PipelineRunSetup setup;
  setup.options.max_blocks = coarse().max_blocks;
  const Cluster cluster = cluster_of({{"", 1_GiB, 1, "vector:ve20b"}, {"", 1_GiB, 1, "reference"}});
  const Pipeline pipeline = pipeline_on(cluster);
  const PipelineRecord mixed = run_pipeline(model, pipeline, setup);
  ASSERT_EQ(difference(mixed, mixed), "");
  EXPECT_EQ(mixed.measured, mixed.planned);
  Pipeline plain = pipeline;
  for (PipelineDevice& device : plain.cluster.devices) device.engine = "reference";
  const PipelineRecord expected = run_pipeline(model, plain, setup);
  ASSERT_EQ(difference(expected, expected), "");
  for (std::size_t s = 0; s < expected.losses.size(); ++s) {
    EXPECT_NEAR(mixed.losses[s], expected.losses[s], 1e-4 * expected.losses[s]);
  }
  EXPECT_NE(difference(mixed, expected), "") << "the card rounds in its own way";
  EXPECT_EQ(difference(mixed, run_pipeline(model, pipeline, setup)), "") << "the same bits again";
}

// All ranks on cards: the bits of one card that does it alone.
TEST(EngineKinds, HaveTheBitsOfOneCardAlone) {
  const TrainingModel model = gpt_of({});
  PipelineRunSetup setup;
  setup.options.max_blocks = coarse().max_blocks;
  const PipelineDevice card{"", 1_GiB, 1, "vector:ve10b"};
  const auto run = [&](std::size_t cards) {
    const Cluster cluster = cluster_of(std::vector(cards, card));
    return run_pipeline(model, pipeline_on(cluster), setup);
  };
  const PipelineRecord three = run(3);
  EXPECT_EQ(three.measured, three.planned);
  EXPECT_EQ(difference(run(1), three), "");
}

}  // namespace
}  // namespace rockmate
