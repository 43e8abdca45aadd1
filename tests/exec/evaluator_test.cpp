// Evaluation: dropout and the batch's own statistics are gone, the memory is that of the training.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "rockmate/error.h"
#include "rockmate/executor.h"
#include "rockmate/graph_builder.h"
#include "rockmate/plan.h"
#include "support/interpreter.h"
#include "support/small_models.h"
#include "support/throws.h"
#include "support/training_run.h"

namespace rockmate {
namespace {

using ::testing::HasSubstr;
using testing::plain_plan;

TrainingOptions options_of() {
  TrainingOptions options;
  options.workspace = engine_workspace("reference");
  return options;
}

// loss = mean over batch and features of dropout(batch_norm(x)), squared against zero.
Graph normed() {
  GraphBuilder b("normed");
  const TensorId y = b.batch_norm(b.input("x", {4, 2}), {.epsilon = 0.5});
  b.loss(b.mse(b.dropout(y, 0.5), b.input("target", {4, 2})));
  return std::move(b).build();
}

TEST(Evaluator, NormalisesByTheRunningStatisticsAndDropsNothing) {
  const TrainingModel model = make_training_model(normed(), options_of());
  const TrainingModel evaluation = make_evaluation_model(normed(), options_of());
  Executor executor(model, plain_plan(model));
  const std::vector<float> x = {1, 2, 3, 4, 5, 6, 7, 9};
  executor.set<float>("x", x);
  executor.set<float>("target", std::vector<float>(8));
  for (int step = 0; step < 3; ++step) static_cast<void>(executor.step());
  Evaluator evaluator(executor, evaluation, plain_plan(evaluation));
  const auto value = [&](const char* name, std::size_t i) {
    return static_cast<double>(executor.values<float>(name)[i]);
  };
  double expected = 0;
  for (std::size_t e = 0; e < x.size(); ++e) {
    const std::size_t c = e % 2;
    const double y = (static_cast<double>(x[e]) - value("batch_norm_1.running_mean", c)) /
                         std::sqrt(value("batch_norm_1.running_variance", c) + 0.5) *
                         value("batch_norm_1.weight", c) +
                     value("batch_norm_1.bias", c);
    expected += y * y / 8;
  }
  EXPECT_NEAR(evaluator.run(), expected, 1e-5 * expected);
  EXPECT_EQ(evaluator.run(), evaluator.run());
}

// Training goes on as if nobody had asked.
TEST(Evaluator, LeavesTheTrainingAsItWas) {
  for (const testing::NamedModel& named : testing::small_models()) {
    SCOPED_TRACE(named.name);
    const TrainingModel model = make_training_model(named.graph, options_of());
    const TrainingModel evaluation = make_evaluation_model(named.graph, options_of());
    Executor judged(model, plain_plan(model)), left_alone(model, plain_plan(model));
    const auto plan = Rockmate::plan(evaluation.graph, Evaluator::budget(judged, evaluation));
    ASSERT_TRUE(plan.has_value()) << plan.error();
    Evaluator evaluator(judged, evaluation, *plan);
    for (int step = 0; step < 3; ++step) {
      EXPECT_EQ(judged.step().loss, left_alone.step().loss);
      EXPECT_TRUE(std::isfinite(evaluator.run()));
      EXPECT_EQ(judged.planned(), left_alone.planned());
    }
  }
}

TEST(Evaluator, HasNoUpdatesAndNoBackwardOps) {
  for (const testing::NamedModel& named : testing::small_models()) {
    const TrainingModel evaluation = make_evaluation_model(named.graph);
    for (const Op& op : evaluation.graph.ops()) {
      EXPECT_TRUE(op.phase == Phase::kForward || op.phase == Phase::kLoss) << op.name;
      EXPECT_TRUE(op.updates.empty()) << op.name;
    }
    for (const Kernel& kernel : evaluation.kernels) EXPECT_NE(kernel.kind, OpKind::kDropout);
  }
}

TEST(Evaluator, AnotherNetworkIsRefused) {
  const TrainingModel model = make_training_model(normed(), options_of());
  Executor executor(model, plain_plan(model));
  const TrainingModel other = make_evaluation_model(testing::mixed_net(), options_of());
  EXPECT_THAT(testing::message_of([&] { Evaluator(executor, other, plain_plan(other)); }),
              HasSubstr("the training of 'normed' has no source '"));
}

}  // namespace
}  // namespace rockmate
