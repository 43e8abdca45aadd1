// Pipelines that run: the same bits as one rank alone, in exactly the planned bytes, whatever the
// cuts, the schedule, the memory and the replicas.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "support/models.h"
#include "support/pipeline_runs.h"
#include "support/small_models.h"

namespace rockmate {
namespace {

using testing::Bits;
using testing::difference;
using testing::equal_devices;
using ::testing::HasSubstr;
using testing::PipelineRecord;
using testing::run_pipeline;

constexpr std::size_t kMicroBatches = 4;
constexpr PipelineFamily kFamilies[] = {
    PipelineFamily::kGPipe, PipelineFamily::kOneForwardOneBackward, PipelineFamily::kInterleaved,
    PipelineFamily::kZeroBubbleH1};

std::optional<Pipeline> plan_of(const TrainingModel& model, const Cluster& cluster,
                                PipelineFamily family, std::size_t micro_batches = kMicroBatches) {
  const auto plan = plan_pipeline(model.graph, micro_batches, cluster, {.family = family});
  if (!plan) return std::nullopt;
  return plan->pipeline;
}

// One rank that does its micro-batches in the same order.
PipelineRecord alone(const TrainingModel& model, PipelineFamily family,
                     std::size_t micro_batches = kMicroBatches) {
  const auto of_one =
      family == PipelineFamily::kInterleaved ? PipelineFamily::kOneForwardOneBackward : family;
  return run_pipeline(model, *plan_of(model, equal_devices(1), of_one, micro_batches));
}

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
  for (const PipelineFamily family : kFamilies) {
    const PipelineRecord one = alone(model_, family);
    EXPECT_EQ(one.gradients.size(), model_.trained.size());
    for (const std::size_t ranks : {2, 4}) {
      SCOPED_TRACE(named_.name + " " + std::string(to_string(family)) + " on " +
                   std::to_string(ranks));
      const auto pipeline = plan_of(model_, equal_devices(ranks), family);
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
    for (const PipelineFamily family : kFamilies) {
      const PipelineRecord one = alone(model, family);
      const auto roomy =
          plan_pipeline(model.graph, kMicroBatches, equal_devices(2), {.family = family});
      ASSERT_TRUE(roomy.has_value());
      Bytes most;
      for (const RankTrace& rank : roomy->trace.ranks) most = std::max(most, rank.peak);
      for (const int percent : {90, 75, 60}) {
        const Bytes memory(most.count() * percent / 100);
        const auto pipeline = plan_of(model, equal_devices(2, memory), family);
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

// Data of our own: micro-batch k of an input.
void write_rows(DType dtype, std::size_t k, std::span<std::byte> rows) {
  const std::size_t size = dtype == DType::kInt64 ? sizeof(std::int64_t) : sizeof(float);
  for (std::size_t i = 0; i < rows.size() / size; ++i) {
    const auto number = static_cast<std::int64_t>((i + 3 * k) % 7);
    const float real = std::sin(static_cast<float>(i + 100 * k));
    if (dtype == DType::kInt64) {
      std::memcpy(rows.data() + i * size, &number, size);
    } else {
      std::memcpy(rows.data() + i * size, &real, size);
    }
  }
}

// The gradients of micro-batches by the plain executor, added by hand.
TEST(PipelineRun, GradientsAreTheSumOfThoseOfMicroBatches) {
  const Graph graph = testing::mlp(3, 8, 3);
  const TrainingModel model = testing::trainable(graph, OptimizerKind::kNone);
  std::map<std::string, std::vector<float>> sums;
  for (std::size_t k = kMicroBatches; k-- > 0;) {  // as GPipe does them
    Executor executor(model, testing::plain_plan(model), {.threads = 1});
    for (const Source& source : model.sources) {
      if (!source.is_given) continue;
      const TensorType& type = model.types[source.value];
      std::vector<std::byte> rows(static_cast<std::size_t>(type.bytes().count()));
      write_rows(type.dtype, k, rows);
      executor.set(model.graph[source.value].name, std::span<const std::byte>(rows));
    }
    executor.step();
    for (const TrainedParameter& trained : model.trained) {
      const auto gradient = executor.values<float>(model.graph[trained.gradient].name);
      auto& sum = sums[model.graph[trained.parameter].name];
      if (sum.empty()) sum.resize(gradient.size());
      for (std::size_t i = 0; i < sum.size(); ++i) {
        sum[i] += gradient[i] / static_cast<float>(kMicroBatches);  // a power of two: exact
      }
    }
  }
  PipelineRunOptions options;
  options.data = [&](std::string_view input, std::uint64_t, std::size_t k,
                     std::span<std::byte> rows) {
    write_rows(model.types[*model.graph.find_value(input)].dtype, k, rows);
    return true;
  };
  const PipelineRecord run =
      run_pipeline(model, *plan_of(model, equal_devices(2), PipelineFamily::kGPipe),
                   {.options = options, .steps = 1});
  ASSERT_EQ(run.gradients.size(), sums.size());
  for (const auto& [name, sum] : sums) {
    const auto bytes = std::as_bytes(std::span(sum));
    EXPECT_EQ(run.gradients.at(name), Bits(bytes.begin(), bytes.end())) << name;
  }
}

// Data, dropout and the loss of micro-batches are those of the whole batch: without normalisation
// over the batch, training is the same but for rounding.
TEST(PipelineRun, IsTrainingOnTheWholeBatch) {
  const auto gpt = [](std::int64_t batch) {
    return testing::trainable(testing::gpt(batch, 4,
                                           {.layers = 2,
                                            .heads = 2,
                                            .features = 8,
                                            .vocabulary = 11,
                                            .positions = 6,
                                            .dropout = 0.3}),
                              OptimizerKind::kNone);
  };
  const TrainingModel whole = gpt(8), part = gpt(2);
  Executor executor(whole, testing::plain_plan(whole), {.threads = 1});
  const StepReport report = executor.step();
  const auto pipeline = plan_of(part, equal_devices(3), PipelineFamily::kOneForwardOneBackward);
  const PipelineRecord run = run_pipeline(part, *pipeline, {.steps = 1});
  ASSERT_EQ(difference(run, run), "");
  EXPECT_NEAR(run.losses.front(), report.loss, 1e-5 * report.loss);
  for (const TrainedParameter& trained : whole.trained) {
    const auto expected = executor.values<float>(whole.graph[trained.gradient].name);
    const Bits& bits = run.gradients.at(whole.graph[trained.parameter].name);
    ASSERT_EQ(bits.size(), expected.size_bytes());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      float found = 0;
      std::memcpy(&found, bits.data() + i * sizeof(float), sizeof(float));
      ASSERT_NEAR(found, expected[i], 1e-5) << whole.graph[trained.parameter].name << " " << i;
    }
  }
}

// Replicas have micro-batches of their own; their gradients are added in the order of the replicas.
TEST(PipelineRun, ReplicasGoOnWithEqualParameters) {
  const TrainingModel model =
      testing::trainable(testing::small_models()[2].graph, OptimizerKind::kAdam);
  for (const std::size_t ranks : {1, 2}) {
    for (const std::size_t replicas : {2, 3}) {
      SCOPED_TRACE(std::to_string(ranks) + " x " + std::to_string(replicas));
      PipelineRunOptions options;
      options.replicas = replicas;
      const auto plan = [&](std::size_t devices) {
        return *plan_of(model, equal_devices(devices), PipelineFamily::kOneForwardOneBackward, 2);
      };
      const PipelineRecord one = run_pipeline(model, plan(1), {.options = options});
      const PipelineRecord many =
          run_pipeline(model, plan(ranks), {.options = options, .mode = SendMode::kSynchronous});
      EXPECT_EQ(difference(one, many), "");
      EXPECT_EQ(many.measured, many.planned);
    }
  }
}

// One micro-batch in each of two replicas: (g0 + g1), as one rank adds them that has both.
TEST(PipelineRun, DataParallelIsGradientAccumulation) {
  const TrainingModel model = testing::trainable(testing::mlp(4, 8, 2), OptimizerKind::kSgd);
  PipelineRunOptions options;
  options.replicas = 2;
  const auto family = PipelineFamily::kOneForwardOneBackward;
  const PipelineRecord parallel = run_pipeline(model, *plan_of(model, equal_devices(1), family, 1),
                                               {.options = options, .steps = 3});
  const PipelineRecord accumulated =
      run_pipeline(model, *plan_of(model, equal_devices(1), family, 2), {.steps = 3});
  EXPECT_EQ(difference(parallel, accumulated), "");
  EXPECT_DOUBLE_EQ(parallel.losses.back(), accumulated.losses.back());
}

TEST(PipelineRun, WaitsNoLongerThanItsDeadline) {
  const TrainingModel model = testing::trainable(testing::mlp(2, 4, 3));
  const auto pipeline = plan_of(model, equal_devices(2), PipelineFamily::kOneForwardOneBackward);
  const auto transports = make_local_transports(2);
  PipelineRunOptions options;
  options.deadline = Seconds(0.05);
  PipelineRank rank(model, *pipeline, *transports[0], options);
  try {
    static_cast<void>(rank.step());  // rank 1 never comes
    FAIL() << "expected a RankFailure";
  } catch (const RankFailure& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("rank 0: the start of step 0: rank 1"));
  }
}

TEST(PipelineRun, RefusesWhatDoesNotBelongTogether) {
  const TrainingModel model = testing::trainable(testing::mlp(2, 4, 3));
  Pipeline pipeline = *plan_of(model, equal_devices(2), PipelineFamily::kGPipe);
  const auto construct = [&](const TrainingModel& of, std::size_t ranks) {
    const auto transports = make_local_transports(ranks);
    const PipelineRank rank(of, pipeline, *transports[0]);
  };
  EXPECT_NO_THROW(construct(model, 2));
  EXPECT_THROW(construct(model, 3), InvalidInput);
  EXPECT_THROW(construct(testing::trainable(testing::mlp(2, 4, 6)), 2), InvalidInput);
  pipeline.cluster.devices[0].memory = Bytes(64);
  EXPECT_THROW(construct(model, 2), InvalidInput);
}

}  // namespace
}  // namespace rockmate
