// Pipelines that run: the same bits as one rank alone, in exactly the planned bytes, whatever the
// cuts, the schedule and the memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/models.h"
#include "support/pipeline_runs.h"
#include "support/small_models.h"

namespace rockmate {
namespace {

using testing::difference;
using testing::equal_devices;
using testing::PipelineRecord;
using testing::run_pipeline;

constexpr std::size_t kMicroBatches = 4;
constexpr PipelineFamily kFamilies[] = {
    PipelineFamily::kGPipe, PipelineFamily::kOneForwardOneBackward, PipelineFamily::kInterleaved,
    PipelineFamily::kZeroBubbleH1};

Pipeline planned(const TrainingModel& model, const Cluster& cluster, PipelineFamily family) {
  const auto plan = plan_pipeline(model.graph, kMicroBatches, cluster, {.family = family});
  EXPECT_TRUE(plan.has_value());
  return plan->pipeline;
}

// One rank that does its micro-batches in the same order.
PipelineRecord alone(const TrainingModel& model, PipelineFamily family) {
  const auto of_one = family == PipelineFamily::kInterleaved
                          ? PipelineFamily::kOneForwardOneBackward
                          : family;
  return run_pipeline(model, planned(model, equal_devices(1), of_one));
}

void expect_planned_bytes(const PipelineRecord& record) {
  EXPECT_EQ(record.measured, record.planned);
}

class PipelineRuns : public ::testing::TestWithParam<std::size_t> {};

TEST_P(PipelineRuns, GiveTheSameBitsInThePlannedBytes) {
  const auto named = testing::small_models()[GetParam()];
  const TrainingModel model = testing::trainable(named.graph, OptimizerKind::kAdam);
  for (const PipelineFamily family : kFamilies) {
    const PipelineRecord one = alone(model, family);
    EXPECT_EQ(one.gradients.size(), model.trained.size());
    for (const std::size_t ranks : {2, 4}) {
      for (const SendMode mode : {SendMode::kStandard, SendMode::kSynchronous}) {
        SCOPED_TRACE(named.name + " " + std::string(to_string(family)) + " on " +
                     std::to_string(ranks));
        Pipeline pipeline;
        try {
          pipeline = planned(model, equal_devices(ranks), family);
        } catch (const InvalidInput&) {
          continue;  // too few blocks for so many stages
        }
        const PipelineRecord many = run_pipeline(model, pipeline, {.mode = mode});
        EXPECT_EQ(difference(one, many), "");
        expect_planned_bytes(many);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(SmallModels, PipelineRuns, ::testing::Range<std::size_t>(0, 6));

}  // namespace
}  // namespace rockmate
