// On the reference engine fused ops change no bit: of losses, gradients, statistics, parameters and
// optimizer states, at any budget.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "rockmate/plan.h"
#include "support/fused_examples.h"
#include "support/random_plan.h"
#include "support/schedules.h"
#include "support/small_models.h"
#include "support/training_run.h"

namespace rockmate {
namespace {

using testing::difference;

std::vector<testing::NamedModel> models() {
  std::vector<testing::NamedModel> list = testing::small_models();
  for (const testing::OpExample& example : testing::fused_examples()) {
    list.push_back({example.name, testing::example_model(example)});
  }
  return list;
}

class FusedBits : public ::testing::TestWithParam<std::size_t> {
 protected:
  static constexpr std::size_t kSteps = 2;
  [[nodiscard]] static std::vector<testing::StepRecord> run(const TrainingModel& model,
                                                            const Plan& plan, int threads,
                                                            bool guard = false) {
    return testing::train(model, plan, make_reference_engine(threads), kSteps, {.guard = guard});
  }
  void expect_same(const Plan& plan, bool guard = false) {
    const auto found = run(model_, plan, 2, guard);
    for (std::size_t step = 0; step < kSteps; ++step) {
      EXPECT_EQ(difference(single_[step], found[step]), "") << "step " << step;
    }
  }
  const Graph graph_ = models()[GetParam()].graph;
  const TrainingModel model_ = testing::fused(graph_, OptimizerKind::kAdam);
  const TrainingModel unfused_ = testing::trainable(graph_, OptimizerKind::kAdam);
  const std::vector<testing::StepRecord> single_ = run(unfused_, testing::plain_plan(unfused_), 1);
};

TEST_P(FusedBits, OfThePlainIteration) { expect_same(testing::plain_plan(model_), true); }

TEST_P(FusedBits, AtEveryBudget) {
  for (const char* budget : {"70%", "40%", "min"}) {
    SCOPED_TRACE(budget);
    const auto found = plan(model_.graph, Budget::parse(budget),
                            {.layout = false, .threads = 1, .work_limit = 300});
    if (found) expect_same(testing::plan_of(model_.graph, found->schedule));
  }
}

TEST_P(FusedBits, OnAnySchedule) {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    SCOPED_TRACE(seed);
    const Schedule schedule = testing::recomputed_schedule(model_.graph, seed);
    expect_same(testing::plan_of(model_.graph, testing::in_place_schedule(model_.graph, schedule)),
                true);
  }
}

TEST_P(FusedBits, OfTheCpuEngineDoNotDependOnThePlan) {
  const TrainingModel model = testing::fused(graph_, OptimizerKind::kAdam, "cpu");
  const auto plain = testing::train(model, testing::plain_plan(model), make_cpu_engine(1), kSteps);
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    SCOPED_TRACE(seed);
    const Schedule schedule =
        testing::in_place_schedule(model.graph, testing::recomputed_schedule(model.graph, seed));
    const auto found = testing::train(model, testing::plan_of(model.graph, schedule),
                                      make_cpu_engine(2), kSteps, {.guard = true});
    for (std::size_t step = 0; step < kSteps; ++step) {
      EXPECT_EQ(difference(plain[step], found[step]), "") << "step " << step;
    }
  }
}

// A net of random ops on images and numbers per channel, in which values are read several times.
Graph random_model(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  GraphBuilder b("random");
  const Shape shape = {2, 4, 3, 2};
  std::vector<TensorId> images = {b.parameter("image", shape, {Fill::Kind::kUniform, 2}),
                                  b.input("data", shape)};
  const auto channels = [&] {
    return b.parameter(fmt::format("channels_{}", random()), {4, 1, 1}, {Fill::Kind::kUniform, 1});
  };
  for (int step = 0; step < 14; ++step) {
    const TensorId x = images[images.size() - 1 - below(std::min<std::size_t>(3, images.size()))];
    const TensorId y = images[below(images.size())];
    const std::function<TensorId()> ops[] = {[&] { return b.relu(x); },
                                             [&] { return b.relu(b.batch_norm(x)); },
                                             [&] { return b.hard_swish(b.batch_norm(x)); },
                                             [&] { return b.relu6(b.add(b.batch_norm(x), y)); },
                                             [&] { return b.add(x, y); },
                                             [&] { return b.mul(x, channels()); },
                                             [&] { return b.gelu(b.add(x, channels())); },
                                             [&] { return b.dropout(b.scale(x, 0.7, 0.1), 0.2); },
                                             [&] { return b.softmax(b.scale(x, 0.5), 1); },
                                             [&] { return b.silu(x); },
                                             [&] { return b.conv(x, 4, {3}, {.padding = {1}}); },
                                             [&] { return b.sub(b.tanh(x), b.sigmoid(y)); },
                                             [&] { return b.clip(b.group_norm(x, 2), -0.5, 0.5); }};
    images.push_back(ops[below(std::size(ops))]());
  }
  b.loss(b.reduce_mean(b.mul(images.back(), images.front())));
  return std::move(b).build();
}

TEST(FusedBitsOfRandomModels, AreThoseOfSingleOpsInNoMoreBytes) {
  int groups = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    const Graph graph = random_model(seed);
    const TrainingModel single = testing::trainable(graph);
    const TrainingModel fused = testing::fused(graph);
    EXPECT_LE(simulate(fused.graph, plain_schedule(fused.graph)).value().peak,
              simulate(single.graph, plain_schedule(single.graph)).value().peak);
    const auto expected =
        testing::train(single, testing::plain_plan(single), make_reference_engine(1), 1);
    const Schedule schedule =
        testing::in_place_schedule(fused.graph, testing::recomputed_schedule(fused.graph, seed));
    const auto found =
        testing::train(fused, testing::plan_of(fused.graph, schedule), make_reference_engine(1), 1);
    EXPECT_EQ(difference(expected[0], found[0]), "");
    for (const Kernel& kernel : fused.kernels) groups += kernel.kind == OpKind::kFused ? 1 : 0;
    if (HasFailure()) return;
  }
  EXPECT_GT(groups, 120);
}

INSTANTIATE_TEST_SUITE_P(Models, FusedBits, ::testing::Range<std::size_t>(0, models().size()),
                         [](const auto& each) { return models()[each.param].name; });

}  // namespace
}  // namespace rockmate
