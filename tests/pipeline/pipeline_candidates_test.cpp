// Stages planned from candidates of blocks: never slower than from two choices, hardly ever with
// more memory, and run with the bits of one rank.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "support/files.h"
#include "support/models.h"
#include "support/pipeline_runs.h"
#include "support/small_models.h"

namespace rockmate {
namespace {

using testing::difference;
using testing::equal_devices;
using testing::kMicroBatches;
using testing::PipelineRecord;

// Few blocks, so that each has ops enough to choose among.
constexpr std::size_t kBlocks = 6;

// Programs are solved once for all tests.
const std::filesystem::path& cache() {
  static const testing::TemporaryFolder folder;
  return folder.path();
}

PipelineOptions options_of(PipelineFamily family, std::size_t candidates) {
  PipelineOptions options;
  options.cache = cache();
  options.family = family;
  options.max_blocks = kBlocks;
  options.candidates = candidates;
  return options;
}

Graph small_gpt() {
  testing::GptSize size;
  size.layers = 2;
  size.features = 16;
  size.heads = 2;
  size.vocabulary = 31;
  size.positions = 8;
  return testing::gpt(2, 8, size);
}

bool uses_candidates(const Pipeline& pipeline) {
  for (const PipelineStage& stage : pipeline.stages) {
    for (const StageStrategy& strategy : stage.strategies) {
      for (const StageStep& step : strategy.steps) {
        if (!step.runs.empty()) return true;
      }
    }
  }
  return false;
}

Bytes peak_of(const PipelinePlan& plan) {
  Bytes most;
  for (const RankTrace& rank : plan.trace.ranks) most = std::max(most, rank.peak);
  return most;
}

TEST(PipelineCandidates, RunWithTheBitsOfOneRank) {
  const TrainingModel model = testing::trainable(small_gpt(), OptimizerKind::kMomentum);
  testing::PipelineRunSetup setup;
  setup.options.max_blocks = kBlocks;
  setup.mode = SendMode::kSynchronous;
  for (const PipelineFamily family : testing::kFamilies) {
    SCOPED_TRACE(to_string(family));
    const bool is_interleaved = family == PipelineFamily::kInterleaved;
    const auto alone = plan_pipeline(
        model.graph, kMicroBatches, equal_devices(1),
        options_of(is_interleaved ? PipelineFamily::kOneForwardOneBackward : family, 0));
    const PipelineRecord one = run_pipeline(model, alone->pipeline, setup);
    const Bytes most = peak_of(
        *plan_pipeline(model.graph, kMicroBatches, equal_devices(2), options_of(family, 0)));
    std::size_t compared = 0;
    for (int percent = 90; percent > 45 && compared == 0; percent -= 8) {
      const Bytes memory(most.count() * percent / 100);
      const auto plan = plan_pipeline(model.graph, kMicroBatches, equal_devices(2, memory),
                                      options_of(family, 16));
      if (!plan || !uses_candidates(plan->pipeline)) continue;
      Pipeline pipeline = plan->pipeline;
      // Addresses may take a little more than what lives.
      for (PipelineDevice& device : pipeline.cluster.devices)
        device.memory = PipelineDevice().memory;
      const PipelineRecord many = run_pipeline(model, pipeline, setup);
      EXPECT_EQ(difference(one, many), "") << percent;
      EXPECT_EQ(many.measured, many.planned) << percent;
      ++compared;
    }
    // Chunks of a device share its memory equally: there, nothing of this size may fit.
    if (!is_interleaved) {
      EXPECT_GT(compared, 0u);
    }
  }
}

TEST(PipelineCandidates, AreNeverSlowerThanTwoChoices) {
  const double kNone = std::numeric_limits<double>::infinity();
  std::size_t faster = 0;
  for (const Graph& graph : {small_gpt(), testing::unet(1, 32, 2, 4)}) {
    const TrainingGraph training = make_training_graph(graph);
    Cluster cluster = equal_devices(2);
    for (const PipelineFamily family :
         {PipelineFamily::kOneForwardOneBackward, PipelineFamily::kGPipe}) {
      const PipelineOptions two_choices = options_of(family, 0);
      PipelineOptions options = two_choices;
      options.candidates = 16;
      const Bytes most = peak_of(*plan_pipeline(training, kMicroBatches, cluster, two_choices));
      double before = kNone;
      for (int permille = 400; permille < 1050; permille += 90) {
        for (PipelineDevice& device : cluster.devices) {
          device.memory = Bytes(most.count() * permille / 1000);
        }
        const auto seconds = [&](const PipelineOptions& with) {
          const auto plan = plan_pipeline(training, kMicroBatches, cluster, with);
          return plan ? plan->trace.makespan.count() : kNone;
        };
        const double coarse = seconds(two_choices), fine = seconds(options);
        EXPECT_LE(fine, coarse);
        // Memories between those of the grid are not planned for.
        EXPECT_LE(fine, before * 1.01) << permille;
        faster += fine < coarse * 0.999;
        before = std::min(before, fine);
      }
      for (PipelineDevice& device : cluster.devices) device.memory = PipelineDevice().memory;
    }
  }
  EXPECT_GT(faster, 3u);
}

}  // namespace
}  // namespace rockmate
