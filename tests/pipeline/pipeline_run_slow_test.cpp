// Pipelines that run, of all small models, schedules and ranks, with much memory and with little.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/pipeline_runs.h"
#include "support/small_models.h"

namespace rockmate {
namespace {

using testing::difference;
using testing::equal_devices;
using testing::kMicroBatches;
using testing::PipelineRecord;
using testing::run_pipeline;

std::size_t working_ranks(const Pipeline& pipeline) {
  return static_cast<std::size_t>(
      std::count_if(pipeline.rows.begin(), pipeline.rows.end(),
                    [](const PipelineRow& row) { return !row.empty(); }));
}

bool recomputes(const Pipeline& pipeline) {
  return std::any_of(pipeline.rows.begin(), pipeline.rows.end(), [](const PipelineRow& row) {
    return std::any_of(row.begin(), row.end(), [](const StageAction& action) {
      return action.verb == StageVerb::kRecompute;
    });
  });
}

class PipelineRuns : public ::testing::TestWithParam<std::size_t> {
 protected:
  testing::NamedModel named_ = testing::small_models()[GetParam()];
  TrainingModel model_ = testing::trainable(named_.graph, OptimizerKind::kAdam);
};

TEST_P(PipelineRuns, GiveTheSameBitsInThePlannedBytes) {
  for (const PipelineFamily family : testing::kFamilies) {
    const PipelineRecord one = testing::run_alone(model_, family);
    EXPECT_EQ(one.gradients.size(), model_.trained.size());
    for (const std::size_t ranks : {2, 4}) {
      SCOPED_TRACE(named_.name + " " + std::string(to_string(family)) + " on " +
                   std::to_string(ranks));
      const auto pipeline = testing::plan_of(model_, equal_devices(ranks), family);
      ASSERT_TRUE(pipeline);
      EXPECT_GE(working_ranks(*pipeline), 2u);
      for (const SendMode mode : {SendMode::kStandard, SendMode::kSynchronous}) {
        const PipelineRecord many = run_pipeline(model_, *pipeline, {.mode = mode});
        EXPECT_EQ(difference(one, many), "");
        EXPECT_EQ(many.measured, many.planned);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(SmallModels, PipelineRuns, ::testing::Range<std::size_t>(0, 6),
                         [](const auto& of) { return testing::small_models()[of.param].name; });

// Where memory is short stages forget and compute again, each micro-batch in its own way.
TEST(PipelineRun, ForgettingChangesNoBit) {
  std::size_t forgetful = 0;
  for (const std::size_t number : {0, 1, 2}) {
    const auto named = testing::small_models()[number];
    const TrainingModel model = testing::trainable(named.graph, OptimizerKind::kMomentum);
    for (const PipelineFamily family : testing::kFamilies) {
      const PipelineRecord one = testing::run_alone(model, family);
      const auto roomy =
          plan_pipeline(model.graph, kMicroBatches, equal_devices(2), {.family = family});
      ASSERT_TRUE(roomy.has_value());
      Bytes most;
      for (const RankTrace& rank : roomy->trace.ranks) most = std::max(most, rank.peak);
      for (const int percent : {90, 75, 60}) {
        const Bytes memory(most.count() * percent / 100);
        const auto pipeline = testing::plan_of(model, equal_devices(2, memory), family);
        if (!pipeline || !recomputes(*pipeline)) continue;
        SCOPED_TRACE(named.name + " " + std::string(to_string(family)) + " within " +
                     std::to_string(percent) + " %");
        const PipelineRecord lean =
            run_pipeline(model, *pipeline, {.mode = SendMode::kSynchronous});
        EXPECT_EQ(difference(one, lean), "");
        EXPECT_EQ(lean.measured, lean.planned);
        EXPECT_LE(*std::max_element(lean.planned.begin(), lean.planned.end()), memory);
        ++forgetful;
      }
    }
  }
  EXPECT_GT(forgetful, 8u);
}

}  // namespace
}  // namespace rockmate
