// Convolutions and products of the cpu engine that may round to bfloat16, in all directions: on
// operands that are rounded here they are what the interpreter computes; the same bits on any
// number of threads and in place. Trainings with them learn as others do, at any budget the same
// bits.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <random>

#include "rockmate/graph_builder.h"
#include "rockmate/plan.h"
#include "support/interpreter_engine.h"
#include "support/kernel_rig.h"
#include "support/models.h"
#include "support/source_bits.h"
#include "support/training_run.h"

namespace rockmate {
namespace {

using testing::Bits;
using testing::KernelRig;

// Float32 elements to the nearest bfloat16, of two to the even one.
Bits rounded(Bits bits) {
  for (std::size_t at = 0; at < bits.size(); at += sizeof(std::uint32_t)) {
    std::uint32_t number = 0;
    std::memcpy(&number, bits.data() + at, sizeof number);
    number += 0x7fff + (number >> 16 & 1);
    number &= 0xffff0000;
    std::memcpy(bits.data() + at, &number, sizeof number);
  }
  return bits;
}

struct Case {
  std::string name;
  std::function<TensorId(GraphBuilder&)> body;
  bool rounds = true;  // or has no gain from it
};

void PrintTo(const Case& each, std::ostream* out) { *out << each.name; }

TensorId param(GraphBuilder& b, const std::string& name, const Shape& shape) {
  return b.parameter(name, shape, {Fill::Kind::kUniform, 2});
}

ConvOptions conv_options(Shape stride, Shape padding, Shape dilation, std::int64_t groups) {
  ConvOptions options{
      .stride = std::move(stride), .padding = std::move(padding), .dilation = std::move(dilation)};
  options.groups = groups;
  return options;
}

Case conv(std::string name, const Shape& x, std::int64_t channels, const Shape& kernel,
          const ConvOptions& options, bool rounds = true) {
  return {std::move(name),
          [=](GraphBuilder& b) { return b.conv(param(b, "x", x), channels, kernel, options); },
          rounds};
}

std::vector<Case> images() {
  return {conv("ragged", {3, 5, 9, 7}, 6, {3}, {.padding = {1}}),
          conv("many_channels", {2, 33, 7, 6}, 35, {3}, {.padding = {1}}),
          conv("strided", {9, 16, 11, 12}, 24, {3, 2}, conv_options({2, 3}, {1}, {1}, 1)),
          conv("dilated", {2, 20, 13, 12}, 17, {3}, conv_options({1}, {2}, {2}, 1)),
          conv("groups", {2, 32, 5, 6}, 16, {3}, conv_options({1}, {1}, {1}, 2)),
          conv("thin_groups", {2, 24, 9, 10}, 24, {3}, conv_options({1}, {1}, {1}, 6), false),
          conv("depthwise", {2, 24, 11, 9}, 24, {3}, conv_options({2}, {1}, {1}, 24), false),
          conv("pointwise", {2, 40, 6, 5}, 70, {1}, {}),
          conv("pointwise_without_bias", {2, 24, 9, 8}, 18, {1}, {.bias = false}),
          conv("strided_pointwise", {2, 40, 7, 12}, 70, {1}, conv_options({2, 3}, {0}, {1}, 1)),
          conv("large_pointwise", {1, 352, 2, 2}, 380, {1}, {}),
          conv("single_image", {1, 2, 16, 13}, 256, {3}, {.padding = {1}, .bias = false}),
          {"transposed", [](GraphBuilder& b) {
             return b.conv_transpose(param(b, "x", {2, 16, 5, 6}), 24, {3});
           }}};
}

std::vector<Case> products() {
  std::vector<Case> list = {{"linear",
                             [](GraphBuilder& b) {
                               return b.linear(param(b, "x", {131, 9}), 133);
                             }},
                            {"linear_of_many_axes",
                             [](GraphBuilder& b) {
                               return b.linear(param(b, "x", {3, 25, 33}), 1030);
                             }},
                            {"used_twice",
                             [](GraphBuilder& b) {
                               const TensorId x = param(b, "x", {37, 65});
                               return b.add(b.linear(x, 40), b.linear(x, 40));
                             }},
                            {"squared", [](GraphBuilder& b) {
                               const TensorId x = param(b, "x", {3, 21, 21});
                               return b.matmul(x, x);
                             }}};
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      list.push_back(
          {fmt::format("products_{}{}", ta ? "t" : "n", tb ? "t" : "n"), [=](GraphBuilder& b) {
             const Shape a = ta ? Shape{5, 3, 66, 35} : Shape{5, 3, 35, 66};
             const Shape c = tb ? Shape{3, 17, 66} : Shape{3, 66, 17};
             return b.matmul(param(b, "a", a), param(b, "c", c), ta, tb);
           }});
    }
  }
  return list;
}

TrainingModel model_of(const Case& tested, bool bf16, bool channels_last) {
  GraphBuilder b("rounded");
  const TensorId y = tested.body(b);
  std::vector<std::int64_t> axes;
  for (std::size_t a = 0; a < b.shape(y).size(); ++a) {
    axes.push_back(static_cast<std::int64_t>(a));
  }
  b.loss(b.reduce_mean(b.mul(y, y), axes));
  TrainingOptions options;
  options.optimizer = OptimizerKind::kNone;
  options.bf16 = bf16;
  options.channels_last = channels_last;
  return make_training_model(std::move(b).build(), options);
}

class Bf16 : public ::testing::TestWithParam<std::tuple<Case, bool>> {
 protected:
  // What the kernel makes in float32.
  Bits check(OpId op, const std::vector<Bits>& inputs) {
    const Bits exact = KernelRig(*cpu_, plain_, op, inputs).run().outputs[0];
    if (!model_.kernels[op].attributes.flag("bf16")) return exact;
    SCOPED_TRACE(signature(model_, op));
    KernelRig rig(*cpu_, model_, op, inputs);
    const auto found = rig.run();
    EXPECT_EQ(found.complaint, "");
    ++asked_;
    if (found.outputs[0] == exact) return exact;
    ++changed_;
    std::vector<Bits> operands = inputs;
    for (const std::size_t i : {0U, 1U}) operands[i] = rounded(operands[i]);
    const auto expected = KernelRig(*oracle_, model_, op, operands).run();
    const TensorType& type = model_.types[model_.kernels[op].outputs[0]];
    testing::expect_near(found.outputs[0], expected.outputs[0], type, 0);
    for (const int threads : {1, 3}) {
      const auto engine = make_cpu_engine(threads);
      EXPECT_EQ(KernelRig(*engine, model_, op, inputs).run().outputs, found.outputs) << threads;
    }
    for (const auto& choice : testing::in_place_choices(model_, op)) {
      const auto again = rig.run({.in_place = choice});
      EXPECT_EQ(again.complaint, "");
      EXPECT_EQ(again.outputs, found.outputs) << "in place";
    }
    return exact;
  }
  const Case tested_ = std::get<0>(GetParam());
  const TrainingModel model_ = model_of(tested_, true, std::get<1>(GetParam()));
  const TrainingModel plain_ = model_of(tested_, false, std::get<1>(GetParam()));
  const std::unique_ptr<Engine> cpu_ = make_cpu_engine(2);
  const std::unique_ptr<Engine> oracle_ = testing::make_interpreter_engine();
  int asked_ = 0, changed_ = 0;
};

TEST_P(Bf16, IsRightOfRoundedOperands) {
  std::map<ValueId, Bits> values = testing::source_bits(model_);
  for (std::size_t o = 0; o < model_.kernels.size(); ++o) {
    const Kernel& kernel = model_.kernels[OpId(o)];
    std::vector<Bits> inputs;
    for (const ValueId v : kernel.inputs) inputs.push_back(values.at(v));
    ASSERT_EQ(kernel.outputs.size(), 1U);
    values[kernel.outputs[0]] = check(OpId(o), inputs);
  }
  EXPECT_GE(asked_, 3) << "forward, and both gradients";
  if (tested_.rounds && changed_ == 0) GTEST_SKIP() << "this processor has no bfloat16";
  EXPECT_EQ(changed_, tested_.rounds ? asked_ : 0);
}

INSTANTIATE_TEST_SUITE_P(Products, Bf16,
                         ::testing::Combine(::testing::ValuesIn(products()),
                                            ::testing::Values(false)),
                         [](const auto& each) { return std::get<0>(each.param).name; });
INSTANTIATE_TEST_SUITE_P(Images, Bf16,
                         ::testing::Combine(::testing::ValuesIn(images()), ::testing::Bool()),
                         [](const auto& each) {
                           return std::get<0>(each.param).name +
                                  (std::get<1>(each.param) ? "_channels_last" : "");
                         });

class Bf16Training : public ::testing::TestWithParam<std::string> {
 protected:
  static Graph graph() {
    if (GetParam() == "gpt") {
      return testing::gpt(2, 16,
                          {.layers = 2,
                           .heads = 2,
                           .features = 32,
                           .vocabulary = 40,
                           .positions = 16,
                           .dropout = 0});
    }
    return testing::resnet(4, {.blocks = {1, 1}, .image = 16, .width = 8, .classes = 5});
  }
  static TrainingModel model(bool bf16) {
    TrainingOptions options;
    options.optimizer = OptimizerKind::kAdam;
    aim_at_engine(options, "cpu", 2);
    options.bf16 = bf16;
    return make_training_model(graph(), options);
  }
  // On the same few samples in every step.
  static std::vector<double> losses(const TrainingModel& model, int steps) {
    Executor executor(model, testing::plain_plan(model), {.engine = "cpu", .threads = 2});
    std::mt19937 random(7);
    for (const Source& source : model.sources) {
      if (!source.is_given) continue;
      const TensorType& type = model.types[source.value];
      const auto count = static_cast<std::size_t>(element_count(type.shape));
      if (type.dtype == DType::kInt64) {
        std::vector<std::int64_t> numbers(count);
        for (auto& each : numbers) {
          each = static_cast<std::int64_t>(random()) % source.indices->below;
        }
        executor.set<std::int64_t>(model.graph[source.value].name, numbers);
      } else {
        std::vector<float> numbers(count);
        for (auto& each : numbers) each = static_cast<float>(random() % 1000) / 500 - 1;
        executor.set<float>(model.graph[source.value].name, numbers);
      }
    }
    std::vector<double> found;
    for (int s = 0; s < steps; ++s) found.push_back(executor.step().loss);
    return found;
  }
};

TEST_P(Bf16Training, LearnsAsFloat32Does) {
  constexpr int kSteps = 30;
  const auto plain = losses(model(false), kSteps);
  const auto rounded = losses(model(true), kSteps);
  ASSERT_LT(plain.back(), plain.front() / 2) << "there is something to learn";
  EXPECT_NEAR(rounded.front(), plain.front(), 1e-2 * plain.front());
  EXPECT_NEAR(rounded.back(), plain.back(), 0.05 * plain.front());
}

TEST_P(Bf16Training, HasTheSameBitsAtAnyBudgetAndOnAnyThreads) {
  constexpr std::size_t kSteps = 2;
  const TrainingModel made = model(true);
  const auto expected = testing::train(made, testing::plain_plan(made), make_cpu_engine(1), kSteps);
  for (const char* budget : {"100%", "min"}) {
    const auto found = plan(made.graph, Budget::parse(budget), {.threads = 1, .work_limit = 300});
    ASSERT_TRUE(found) << budget;
    const auto steps = testing::train(made, *found, make_cpu_engine(2), kSteps);
    for (std::size_t s = 0; s < kSteps; ++s) {
      EXPECT_EQ(testing::difference(steps[s], expected[s]), "") << budget;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Nets, Bf16Training, ::testing::Values("resnet", "gpt"),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace rockmate
