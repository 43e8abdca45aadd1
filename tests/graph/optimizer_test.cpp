// Optimizers against their textbook formulas, on the training graph: loss = 3 w, so the gradient is
// 3 in every step.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "rockmate/error.h"
#include "rockmate/graph_builder.h"
#include "rockmate/schedule.h"
#include "rockmate/training_model.h"
#include "support/interpreter.h"

namespace rockmate {
namespace {

constexpr double kStart = 2;
constexpr double kGradient = 3;
constexpr double kRate = 0.1;
constexpr double kDecay = 0.01;

// The parameter after each of three steps.
std::vector<double> train(OptimizerKind optimizer) {
  GraphBuilder b("line");
  const TensorId w = b.parameter("w", {1}, {Fill::Kind::kConstant, kStart});
  b.loss(b.scale(w, kGradient));
  const TrainingModel model =
      make_training_model(std::move(b).build(),
                          {.optimizer = optimizer, .learning_rate = kRate, .weight_decay = kDecay});
  testing::Interpreter interpreter(model);
  std::vector<double> result;
  for (int step = 0; step < 3; ++step) {
    interpreter.run(plain_schedule(model.graph));
    result.push_back(interpreter[model.trained.at(0).parameter].data[0]);
  }
  return result;
}

TEST(Optimizer, SgdStepsAgainstTheGradient) {
  double w = kStart;
  for (const double actual : train(OptimizerKind::kSgd)) {
    w -= kRate * (kGradient + kDecay * w);
    EXPECT_DOUBLE_EQ(actual, w);
  }
}

TEST(Optimizer, MomentumKeepsAVelocity) {
  double w = kStart;
  double velocity = 0;
  for (const double actual : train(OptimizerKind::kMomentum)) {
    velocity = 0.9 * velocity + kGradient + kDecay * w;
    w -= kRate * velocity;
    EXPECT_DOUBLE_EQ(actual, w);
  }
}

// Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019, algorithm 2.
void expect_adam(OptimizerKind optimizer, bool decoupled) {
  double w = kStart;
  double m = 0;
  double v = 0;
  double step = 0;
  for (const double actual : train(optimizer)) {
    ++step;
    const double g = kGradient + (decoupled ? 0 : kDecay * w);
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    const double m_hat = m / (1 - std::pow(0.9, step));
    const double v_hat = v / (1 - std::pow(0.999, step));
    w -= kRate * (m_hat / (std::sqrt(v_hat) + 1e-8) + (decoupled ? kDecay * w : 0));
    EXPECT_NEAR(actual, w, 1e-12);
  }
}

TEST(Optimizer, AdamDecaysThroughTheGradient) { expect_adam(OptimizerKind::kAdam, false); }
TEST(Optimizer, AdamWDecaysDirectly) { expect_adam(OptimizerKind::kAdamW, true); }

TEST(Optimizer, WordsAreReadBack) {
  for (const char* word : {"none", "sgd", "momentum", "adam", "adamw"}) {
    EXPECT_EQ(to_string(parse_optimizer(word)), word);
  }
  EXPECT_THAT([] { static_cast<void>(parse_optimizer("lion")); },
              ::testing::ThrowsMessage<InvalidInput>(
                  "unknown optimizer 'lion', expected one of none, sgd, momentum, adam, adamw"));
}

}  // namespace
}  // namespace rockmate
