// Clipping, accumulation, schedules and freezing, against what they mean: formulas, and training
// without them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "rockmate/error.h"
#include "rockmate/executor.h"
#include "rockmate/graph_builder.h"
#include "rockmate/rate_schedule.h"
#include "support/random_plan.h"
#include "support/schedules.h"
#include "support/small_models.h"
#include "support/throws.h"
#include "support/training_run.h"

namespace rockmate {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::plain_plan;

// loss = 3 u + 4 v: the gradients are 3 and 4, their norm is 5.
Graph two_lines() {
  GraphBuilder b("two-lines");
  const Fill zero;
  b.loss(b.add(b.scale(b.reduce_sum(b.parameter("u", {1}, zero)), 3),
               b.scale(b.reduce_sum(b.parameter("v", {1}, zero)), 4)));
  return std::move(b).build();
}

TrainingModel model_of(const Graph& graph, TrainingOptions options) {
  options.workspace = engine_workspace("reference");
  return make_training_model(graph, options);
}

TEST(Clipping, ScalesAllGradientsToTheNorm) {
  const auto updates = [&](double norm) {
    const TrainingModel model = model_of(two_lines(), {.learning_rate = 1, .clip_norm = norm});
    Executor executor(model, plain_plan(model));
    static_cast<void>(executor.step());
    return std::pair(-executor.values<float>("u")[0], -executor.values<float>("v")[0]);
  };
  EXPECT_EQ(updates(0), std::pair(3.0F, 4.0F)) << "any length";
  EXPECT_EQ(updates(6), std::pair(3.0F, 4.0F)) << "short enough";
  EXPECT_NEAR(updates(1).first, 0.6, 1e-6);
  EXPECT_NEAR(updates(1).second, 0.8, 1e-6);
}

TEST(Clipping, HasTheSameBitsInAnyPlan) {
  const TrainingModel model = model_of(testing::mixed_net(), {.optimizer = OptimizerKind::kAdamW,
                                                              .weight_decay = 0.01,
                                                              .clip_norm = 0.05,
                                                              .accumulate = 2});
  const auto plain = testing::train(model, plain_plan(model), make_reference_engine(1), 5);
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Plan other = testing::plan_of(
        model.graph,
        testing::in_place_schedule(model.graph, testing::recomputed_schedule(model.graph, seed)));
    const auto again = testing::train(model, other, make_reference_engine(2), 5);
    for (std::size_t s = 0; s < plain.size(); ++s) {
      EXPECT_EQ(testing::difference(plain[s], again[s]), "") << "step " << s;
    }
  }
}

TEST(Clipping, LetsGradientsLiveUntilTheNormIsKnown) {
  const TrainingModel model = model_of(testing::mixed_net(), {.clip_norm = 1});
  const auto factor = model.graph.find_op("clip_factor");
  ASSERT_TRUE(factor.has_value());
  for (const TrainedParameter& trained : model.trained) {
    bool is_read_later = false;
    for (std::size_t o = factor->index() + 1; o < model.graph.ops().size(); ++o) {
      for (const ValueId v : model.graph[OpId(o)].inputs) {
        is_read_later = is_read_later || v == trained.gradient;
      }
    }
    EXPECT_TRUE(is_read_later) << model.graph[trained.parameter].name;
  }
}

// Two steps on halves of a batch are one on the whole, where the loss is a mean.
TEST(Accumulation, IsABatchInParts) {
  constexpr std::int64_t kBatch = 8;
  constexpr std::int64_t kWidth = 3;
  const auto line = [&](std::int64_t batch) {
    GraphBuilder b("line");
    const TensorId x = b.input("x", {batch, kWidth});
    b.loss(b.mse(b.linear(x, 1), b.input("target", {batch, 1})));
    return std::move(b).build();
  };
  std::vector<float> x(kBatch * kWidth), target(kBatch);
  for (std::size_t e = 0; e < x.size(); ++e) x[e] = std::sin(static_cast<float>(e));
  for (std::size_t e = 0; e < target.size(); ++e) target[e] = std::cos(static_cast<float>(e));
  const auto train = [&](std::int64_t parts) {
    const TrainingModel model =
        model_of(line(kBatch / parts), {.optimizer = OptimizerKind::kAdam, .accumulate = parts});
    Executor executor(model, plain_plan(model));
    const auto part = [&](std::span<const float> all, std::int64_t step) {
      const std::size_t size = all.size() / static_cast<std::size_t>(parts);
      return all.subspan(size * static_cast<std::size_t>(step % parts), size);
    };
    for (std::int64_t step = 0; step < 3 * parts; ++step) {
      executor.set<float>("x", part(x, step));
      executor.set<float>("target", part(target, step));
      static_cast<void>(executor.step());
    }
    const auto weight = executor.values<float>("linear_1.weight");
    return std::vector<float>(weight.begin(), weight.end());
  };
  const std::vector<float> whole = train(1);
  for (const std::int64_t parts : {2, 4}) {
    const std::vector<float> found = train(parts);
    for (std::size_t e = 0; e < whole.size(); ++e) EXPECT_NEAR(found[e], whole[e], 1e-6);
  }
}

TEST(Accumulation, ChangesParametersWhenASumIsComplete) {
  const TrainingModel model = model_of(two_lines(), {.learning_rate = 1, .accumulate = 3});
  Executor executor(model, plain_plan(model));
  for (int step = 1; step <= 6; ++step) {
    static_cast<void>(executor.step());
    EXPECT_FLOAT_EQ(executor.values<float>("u")[0], static_cast<float>(-3 * (step / 3)));
  }
}

TEST(UpdateOptions, WrongOnesAreRefused) {
  EXPECT_THAT(message_of([] { static_cast<void>(model_of(two_lines(), {.clip_norm = -1})); }),
              HasSubstr("largest norm of gradients of -1"));
  EXPECT_THAT(message_of([] { static_cast<void>(model_of(two_lines(), {.accumulate = 0})); }),
              HasSubstr("over 0 iterations"));
}

TEST(Rate, ScalesTheNextSteps) {
  const TrainingModel model = model_of(two_lines(), {.learning_rate = 0.5});
  Executor executor(model, plain_plan(model));
  float expected = 0;
  for (const double factor : {1.0, 0.0, 2.0}) {
    executor.set_rate(factor);
    static_cast<void>(executor.step());
    expected -= 3 * 0.5F * static_cast<float>(factor);
    EXPECT_FLOAT_EQ(executor.values<float>("u")[0], expected);
  }
  EXPECT_THAT(message_of([&] { executor.set_rate(-1); }), HasSubstr("times -1"));
}

TEST(RateSchedule, FollowsItsFormula) {
  EXPECT_EQ(RateSchedule().factor(17), 1);
  const RateSchedule step = RateSchedule::parse("step:10:0.5", 0);
  EXPECT_EQ(step.factor(9), 1);
  EXPECT_EQ(step.factor(10), 0.5);
  EXPECT_EQ(step.factor(29), 0.25);
  const RateSchedule cosine = RateSchedule::parse("cosine:100:0.2", 0);
  EXPECT_EQ(cosine.factor(0), 1);
  EXPECT_NEAR(cosine.factor(50), 0.6, 1e-12);
  EXPECT_NEAR(cosine.factor(100), 0.2, 1e-12);
  EXPECT_EQ(cosine.factor(1000), cosine.factor(100));
  const RateSchedule linear = RateSchedule::parse("linear:100", 0);
  EXPECT_NEAR(linear.factor(25), 0.75, 1e-12);
  EXPECT_EQ(linear.factor(100), 0);
  const RateSchedule warm = RateSchedule::parse("cosine:104", 4);
  EXPECT_EQ(warm.factor(0), 0.25);
  EXPECT_EQ(warm.factor(3), 1);
  EXPECT_EQ(warm.factor(4), 1);
  EXPECT_NEAR(warm.factor(54), 0.5, 1e-12);
}

TEST(RateSchedule, WrongWordsAreRefused) {
  for (const char* text : {"", "cosine", "cosine:", "cosine:0", "cosine:x", "step:10", "step:10:x",
                           "constant:3", "linear:9:2:1", "linear:10:-1", "exponential:3"}) {
    EXPECT_THAT(message_of([&] { static_cast<void>(RateSchedule::parse(text, 0)); }),
                HasSubstr("schedule"))
        << text;
  }
  EXPECT_THAT(message_of([] { static_cast<void>(RateSchedule::parse("cosine:10", 10)); }),
              HasSubstr("warm-up"));
}

}  // namespace
}  // namespace rockmate
