// A network that is used instead of trained: its outputs are those of the evaluation, in less
// memory, without losses and targets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rockmate/checkpoint.h"
#include "rockmate/error.h"
#include "rockmate/executor.h"
#include "rockmate/graph_builder.h"
#include "rockmate/plan.h"
#include "support/files.h"
#include "support/small_models.h"
#include "support/throws.h"
#include "support/training_run.h"

namespace rockmate {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::plain_plan;

TrainingOptions options_of() {
  TrainingOptions options;
  options.workspace = engine_workspace("reference");
  return options;
}

// With what its first loss is taken of as its output, where it has none.
Graph with_output(Graph graph) {
  if (!graph.outputs().empty()) return graph;
  const Node& loss = graph[*graph[graph.losses().front().tensor].producer];
  const TensorId scores = loss.inputs.front();
  GraphBuilder b(std::move(graph));
  b.output(scores);
  return std::move(b).build();
}

testing::Bits bits_of(std::span<const std::byte> bytes) { return {bytes.begin(), bytes.end()}; }

// Trains a little, so that the running statistics are not what they began as, saves, and asks both.
TEST(InferenceModel, GivesWhatTheEvaluationGives) {
  const testing::TemporaryFolder folder;
  const auto file = folder.path() / "trained.checkpoint";
  for (const testing::NamedModel& named : testing::small_models()) {
    SCOPED_TRACE(named.name);
    const Graph graph = with_output(named.graph);
    const TrainingModel model = make_training_model(graph, options_of());
    const TrainingModel evaluation = make_evaluation_model(graph, options_of());
    const TrainingModel used = make_inference_model(graph, options_of());
    Executor executor(model, plain_plan(model), {.seed = 3});
    for (int step = 0; step < 2; ++step) static_cast<void>(executor.step());
    save_checkpoint(executor, file);
    Evaluator evaluator(executor, evaluation, plain_plan(evaluation));

    const auto plan = Rockmate::plan(used.graph, Budget::parse("min"), {.work_limit = 100});
    ASSERT_TRUE(plan.has_value()) << plan.error();
    Executor inference(used, *plan, {.seed = 99});
    load_weights(inference, file);
    for (const Source& source : used.sources) {
      if (!source.is_given) continue;
      const std::string& name = used.graph[source.value].name;
      inference.set(name, executor.bytes(name));
    }
    static_cast<void>(evaluator.run());
    const StepReport report = inference.step();
    EXPECT_TRUE(report.losses.empty());
    EXPECT_EQ(report.measured, plan->needed());
    ASSERT_FALSE(used.outputs.empty());
    std::size_t compared = 0;
    for (const ValueId v : used.outputs) {
      const auto in_evaluation = evaluation.graph.find_value(used.graph[v].name);
      ASSERT_TRUE(in_evaluation.has_value());
      const auto& results = evaluation.graph.results();
      if (std::ranges::find(results, *in_evaluation) == results.end()) continue;
      EXPECT_EQ(bits_of(inference.bytes(used.graph[v].name)),
                bits_of(evaluator.bytes(*in_evaluation)));
      ++compared;
    }
    EXPECT_GT(compared, 0u);
  }
}

TEST(InferenceModel, HasNeitherLossesNorTargets) {
  const TrainingModel used = make_inference_model(with_output(testing::mixed_net()), options_of());
  EXPECT_TRUE(used.losses.empty());
  EXPECT_TRUE(used.trained.empty());
  for (const Source& source : used.sources) {
    EXPECT_THAT(used.graph[source.value].name, ::testing::Not(HasSubstr("target")));
  }
  for (const Kernel& kernel : used.kernels) {
    EXPECT_NE(kernel.kind, OpKind::kDropout);
    EXPECT_NE(kernel.kind, OpKind::kCrossEntropy);
    EXPECT_NE(kernel.kind, OpKind::kRunningStatistics);
  }
}

TEST(InferenceModel, NeedsAnOutput) {
  GraphBuilder b("blind");
  b.input("x", {2, 2});
  EXPECT_THAT(message_of([&] { static_cast<void>(make_inference_model(std::move(b).build())); }),
              HasSubstr("'blind' has no output"));
}

TEST(LoadWeights, RefusesWhatIsOfAnotherModel) {
  const testing::TemporaryFolder folder;
  const auto file = folder.path() / "trained.checkpoint";
  const auto linear = [](std::int64_t width) {
    GraphBuilder b("line");
    const TensorId y = b.linear(b.input("x", {2, 3}), width);
    b.output(y);
    b.loss(b.mse(y, b.input("target", {2, width})));
    return std::move(b).build();
  };
  const TrainingModel model = make_training_model(linear(4), options_of());
  Executor trained(model, plain_plan(model));
  save_checkpoint(trained, file);
  const auto load_into = [&](std::int64_t width) {
    const TrainingModel used = make_inference_model(linear(width), options_of());
    Executor executor(used, plain_plan(used));
    return message_of([&] { load_weights(executor, file); });
  };
  EXPECT_EQ(load_into(4), "");
  EXPECT_THAT(load_into(5), HasSubstr("is of another model: it has no 'linear_1.weight' of type"));
  const std::string good = testing::read_text(file);
  testing::write_text(file, good.substr(0, good.size() - 4));
  EXPECT_THAT(load_into(4), HasSubstr("is damaged or cut off"));
  testing::write_text(file, "{}");
  EXPECT_THAT(load_into(4), HasSubstr("is no checkpoint"));
}

}  // namespace
}  // namespace rockmate
