// Co-planning: promises on small networks, and what is refused.
#include "pipeline/coplan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "pipeline/chain_stage_costs.h"
#include "rockmate/training_model.h"
#include "support/chain_graph.h"
#include "support/models.h"
#include "support/pipelines.h"
#include "support/throws.h"

namespace rockmate {
namespace {

using testing::cluster_of;
using ::testing::HasSubstr;
using testing::message_of;

// Fewer blocks than usual and no programs, to be quick.
PipelineOptions coarse() {
  PipelineOptions options;
  options.max_blocks = 12;
  options.candidates = 0;
  return options;
}

TrainingGraph small_gpt() {
  TrainingOptions adam;
  adam.optimizer = OptimizerKind::kAdam;
  testing::GptSize size;
  size.layers = 6;
  size.features = 128;
  size.heads = 4;
  size.vocabulary = 500;
  size.positions = 64;
  return make_training_graph(testing::gpt(2, 64, size), adam);
}

void expect_sound(const PipelinePlan& plan) {
  const auto trace = simulate(plan.pipeline);
  ASSERT_TRUE(trace.has_value());
  EXPECT_EQ(trace->makespan, plan.trace.makespan);
  EXPECT_FALSE(check_memory(plan.pipeline, *trace));
  EXPECT_LE(plan.lower_bound.count(), plan.trace.makespan.count() * (1 + 1e-9));
  EXPECT_GT(plan.lower_bound, Seconds());
}

TEST(Coplan, FitsUnequalDevicesAndStatesABound) {
  const TrainingGraph graph = small_gpt();
  Cluster cluster = cluster_of(4, 24_MiB);
  cluster.devices[1] = {"small", 16_MiB, 1};
  cluster.devices[2] = {"slow", 40_MiB, 0.5};
  cluster.links = {{0, 1, 5e8, Seconds(1e-5)}, {1, 0, 5e8, Seconds(1e-5)}};
  for (const auto family : {std::optional<PipelineFamily>(), std::optional(PipelineFamily::kGPipe),
                            std::optional(PipelineFamily::kOneForwardOneBackward),
                            std::optional(PipelineFamily::kZeroBubbleH1)}) {
    PipelineOptions options = coarse();
    options.family = family;
    const auto plan = plan_pipeline(graph, 8, cluster, options);
    ASSERT_TRUE(plan.has_value()) << plan.error().reason;
    expect_sound(*plan);
    EXPECT_EQ(plan->family, family.value_or(plan->family));
  }
}

TEST(Coplan, TheBestOfAllFamiliesIsNoWorseThanAnyAlone) {
  const TrainingGraph graph = small_gpt();
  const Cluster cluster = cluster_of(4, 20_MiB);
  const auto best = plan_pipeline(graph, 8, cluster, coarse());
  ASSERT_TRUE(best.has_value());
  for (const char* family : {"gpipe", "1f1b", "interleaved", "zb-h1"}) {
    PipelineOptions options = coarse();
    options.family = parse_pipeline_family(family);
    const auto one = plan_pipeline(graph, 8, cluster, options);
    if (!one) continue;
    EXPECT_LE(best->trace.makespan, one->trace.makespan) << family;
  }
}

// A plan for less memory is one for more: those of the grid below are found again.
TEST(Coplan, IsNoSlowerThanTheSearchWithALittleLessMemory) {
  StageModel model(small_gpt(), 12);
  ChainStageCosts costs(std::move(model), 8, PipelineMethod::kCoplan, 0.005);
  const std::vector<PipelineFamily> families = {PipelineFamily::kGPipe,
                                                PipelineFamily::kOneForwardOneBackward};
  std::size_t compared = 0;
  for (double memory = 26e6; memory < 40e6; memory *= 1.017) {
    const auto cluster = cluster_of(3, Bytes(static_cast<std::int64_t>(memory)));
    const auto best = coplan(costs, 8, cluster, {families});
    const double total = 3 * static_cast<double>(cluster.devices[0].memory.count());
    for (int k = 0; k < 3; ++k) {
      const double below = std::exp2((std::floor(std::log2(total) * 8) - k) / 8);
      const auto less = cluster_of(3, Bytes(std::llround(below / 3)));
      const auto alone = coplan(costs, 8, less, {families, false, false});
      if (!alone) continue;
      ++compared;
      ASSERT_TRUE(best.has_value()) << memory;
      EXPECT_LE(best->trace.makespan, alone->trace.makespan) << memory << " " << k;
    }
  }
  EXPECT_GT(compared, 20u);
}

TEST(Coplan, MethodsOfGPipeGetBetter) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const TrainingGraph graph = testing::chain_graph(12, seed);
    // Static bytes, and a part of what all micro-batches take.
    const Bytes memory(graph.static_bytes().count() + 60 * 1000);
    double before = std::numeric_limits<double>::infinity();
    for (const auto method :
         {PipelineMethod::kDirect, PipelineMethod::kGlobal, PipelineMethod::kCoplan}) {
      PipelineOptions options = coarse();
      options.method = method;
      const auto plan = plan_pipeline(graph, 6, cluster_of(2, memory), options);
      const double seconds =
          plan ? plan->trace.makespan.count() : std::numeric_limits<double>::infinity();
      EXPECT_LE(seconds, before * (1 + 1e-9)) << to_string(method) << " seed " << seed;
      before = seconds;
      if (plan) expect_sound(*plan);
    }
  }
}

TEST(Coplan, OneDeviceAndOneMicroBatchIsThePlainIteration) {
  const TrainingGraph graph = small_gpt();
  const auto plan = plan_pipeline(graph, 1, cluster_of(1, 1_GiB), coarse());
  ASSERT_TRUE(plan.has_value());
  EXPECT_NEAR(plan->trace.makespan.count(), graph.plain_seconds().count(), 1e-12);
  EXPECT_NEAR(plan->lower_bound.count(), graph.plain_seconds().count(), 1e-3);
}

TEST(Coplan, IsDeterministic) {
  const TrainingGraph graph = small_gpt();
  const auto plan = [&] {
    return pipeline_to_json(plan_pipeline(graph, 8, cluster_of(4, 20_MiB), coarse())->pipeline);
  };
  EXPECT_EQ(plan(), plan());
}

TEST(Coplan, ChoosesTheNumberOfMicroBatches) {
  const auto graph_of = [](std::size_t m) {
    return make_training_graph(testing::mlp(64 / static_cast<std::int64_t>(m), 256, 8));
  };
  const Cluster cluster = cluster_of(2, 64_MiB);
  const auto best = plan_pipeline(graph_of, {1, 2, 4, 8}, cluster);
  ASSERT_TRUE(best.has_value());
  for (const std::size_t m : {1, 2, 4, 8}) {
    EXPECT_LE(best->trace.makespan, plan_pipeline(graph_of(m), m, cluster)->trace.makespan);
  }
}

TEST(Coplan, SaysWhyThereIsNone) {
  const TrainingGraph graph = small_gpt();
  const auto little = plan_pipeline(graph, 4, cluster_of(2, 1_MiB), coarse());
  ASSERT_FALSE(little.has_value());
  EXPECT_THAT(little.error().reason, HasSubstr("alone do not fit"));
  const auto tight = plan_pipeline(
      graph, 4, cluster_of(2, Bytes(little.error().static_bytes.count() * 11 / 20)), coarse());
  ASSERT_FALSE(tight.has_value());
  EXPECT_THAT(tight.error().reason, HasSubstr("no pipeline was found"));
}

TEST(Coplan, RefusesWhatCannotBe) {
  const TrainingGraph graph = testing::chain_graph(3, 0);
  const auto refused = [&](std::size_t m, const Cluster& cluster, const PipelineOptions& options) {
    return message_of([&] { static_cast<void>(plan_pipeline(graph, m, cluster, options)); });
  };
  EXPECT_THAT(refused(4, cluster_of(9, 1_GiB), {}), HasSubstr("found 9 devices, but the network"));
  EXPECT_THAT(refused(0, cluster_of(1, 1_GiB), {}), HasSubstr("0 micro-batches"));
  EXPECT_THAT(refused(1, cluster_of(1, Bytes()), {}), HasSubstr("0 bytes of memory"));
  PipelineOptions options;
  options.family = PipelineFamily::kInterleaved;
  EXPECT_THAT(refused(3, cluster_of(2, 1_GiB), options), HasSubstr("multiple of the devices"));
  options.method = PipelineMethod::kGlobal;
  EXPECT_THAT(refused(4, cluster_of(2, 1_GiB), options),
              HasSubstr("method global is for the schedule gpipe"));
}

}  // namespace
}  // namespace rockmate
