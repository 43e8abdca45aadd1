// Pipelines that run: the same bits as one rank alone, in exactly the planned bytes, whatever the
// cuts, the schedule, the memory and the replicas.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
using testing::plan_of;
using testing::run_pipeline;

constexpr std::size_t kMicroBatches = testing::kMicroBatches;

// More models, ranks and budgets: pipeline_run_slow_test.
TEST(PipelineRun, GivesTheSameBitsInThePlannedBytes) {
  const TrainingModel model = testing::trainable(testing::mixed_net(), OptimizerKind::kAdam);
  for (const PipelineFamily family : testing::kFamilies) {
    SCOPED_TRACE(to_string(family));
    const auto pipeline = plan_of(model, equal_devices(2), family);
    const PipelineRecord many = run_pipeline(model, *pipeline, {.mode = SendMode::kSynchronous});
    EXPECT_EQ(difference(testing::run_alone(model, family), many), "");
    EXPECT_EQ(many.measured, many.planned);
  }
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
    TrainingOptions options;
    options.optimizer = OptimizerKind::kNone;
    options.workspace = engine_workspace("cpu", 1);
    return make_training_model(testing::gpt(batch, 4,
                                            {.layers = 2,
                                             .heads = 2,
                                             .features = 8,
                                             .vocabulary = 11,
                                             .positions = 6,
                                             .dropout = 0.3}),
                               options);
  };
  const TrainingModel whole = gpt(8), part = gpt(2);
  const auto pipeline = plan_of(part, equal_devices(3), PipelineFamily::kOneForwardOneBackward);
  for (const char* engine : {"reference", "cpu"}) {
    SCOPED_TRACE(engine);
    Executor executor(whole, testing::plain_plan(whole), {.engine = engine, .threads = 1});
    const StepReport report = executor.step();
    PipelineRunOptions options;
    options.engine = engine;
    const PipelineRecord run = run_pipeline(part, *pipeline, {.options = options, .steps = 1});
    ASSERT_EQ(difference(run, run), "");
    EXPECT_EQ(run.measured, run.planned);
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
  TrainingOptions clipped;
  clipped.clip_norm = 1;
  EXPECT_THROW(construct(make_training_model(testing::mlp(2, 4, 3), clipped), 2), InvalidInput);
  pipeline.cluster.devices[0].memory = Bytes(64);
  EXPECT_THROW(construct(model, 2), InvalidInput);
}

}  // namespace
}  // namespace rockmate
