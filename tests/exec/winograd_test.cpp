// Convolutions by Winograd's algorithm against direct ones, which other tests hold against plain
// loops, in all three directions: with the same bits on any number of threads, and on any
// instruction set but for rounding.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include "exec/cpu/instruction_sets.h"
#include "rockmate/graph_builder.h"
#include "support/kernel_rig.h"
#include "support/source_bits.h"

namespace rockmate {
namespace {

using testing::Bits;
using testing::KernelRig;

// Two convolutions, one behind the other, the second without a bias.
struct Case {
  std::string name;
  Shape image;
  std::int64_t between, result;  // channels
  std::vector<std::int64_t> first_padding, second_padding;
};

void PrintTo(const Case& each, std::ostream* out) { *out << each.name; }

// Pixels that fill tiles of 4 x 4 and pixels that do not; channels that fill vectors or do not.
std::vector<Case> cases() {
  return {
      {"parts_of_tiles", {2, 32, 41, 43}, 40, 33, {1}, {0}},
      {"bands_of_channels", {3, 72, 12, 11}, 80, 90, {1}, {1}},
      {"few_channels", {1, 24, 64, 21}, 20, 24, {1}, {1}},
      {"one_sided_padding", {1, 33, 22, 30}, 36, 35, {2, 0, 1, 1}, {0, 2, 0, 0}},
      {"more_padding_than_window", {1, 24, 20, 20}, 40, 24, {3}, {2}},
  };
}

TrainingModel model_of(const Case& of, bool winograd) {
  GraphBuilder b("filter");
  TensorId x = b.parameter("x", of.image, {Fill::Kind::kUniform, 2});
  x = b.conv(x, of.between, {3}, {.padding = of.first_padding});
  x = b.conv(x, of.result, {3}, {.padding = of.second_padding, .bias = false});
  b.loss(b.reduce_mean(b.mul(x, x), {0, 1, 2, 3}));
  TrainingOptions options;
  options.optimizer = OptimizerKind::kNone;
  options.channels_last = true;
  options.winograd = winograd;
  return make_training_model(std::move(b).build(), options);
}

class Winograd : public ::testing::TestWithParam<Case> {
 protected:
  ~Winograd() override { use_set(0); }
  static void use_set(std::size_t set) {
    const auto sets = cpu::instruction_sets();
    if (set < sets.size()) cpu::use_instruction_set(sets[set]);
  }
  // Calls body(op, inputs, expected output) for each convolution that may use the algorithm.
  template <class F>
  void for_each_convolution(const F& body) const {
    std::map<ValueId, Bits> values = testing::source_bits(model_);
    for (std::size_t o = 0; o < model_.kernels.size(); ++o) {
      const OpId op(o);
      const Kernel& kernel = model_.kernels[op];
      std::vector<Bits> inputs;
      for (const ValueId v : kernel.inputs) inputs.push_back(values.at(v));
      const auto expected = KernelRig(*cpu_, direct_, op, inputs).run();
      for (std::size_t i = 0; i < kernel.outputs.size(); ++i) {
        values[kernel.outputs[i]] = expected.outputs[i];
      }
      SCOPED_TRACE(signature(model_, op));
      if (kernel.attributes.flag("winograd")) body(op, inputs, expected.outputs[0]);
    }
  }
  [[nodiscard]] const TensorType& type_of_result(OpId op) const {
    return model_.types[model_.kernels[op].outputs[0]];
  }
  [[nodiscard]] bool is_used(OpId op) const {
    return cpu_->workspace(kernel_spec(model_, op)) != cpu_->workspace(kernel_spec(direct_, op));
  }

  TrainingModel model_ = model_of(GetParam(), true);
  TrainingModel direct_ = model_of(GetParam(), false);
  std::unique_ptr<Engine> cpu_ = make_cpu_engine(2);
};

TEST_P(Winograd, IsRightInAllDirectionsOnAnyThreads) {
  int used = 0;
  for_each_convolution([&](OpId op, const std::vector<Bits>& inputs, const Bits& expected) {
    const auto found = KernelRig(*cpu_, model_, op, inputs).run();
    EXPECT_EQ(found.complaint, "");
    testing::expect_near(found.outputs[0], expected, type_of_result(op), 0);
    for (const int threads : {1, 3}) {
      const auto engine = make_cpu_engine(threads);
      EXPECT_EQ(KernelRig(*engine, model_, op, inputs).run().outputs, found.outputs);
    }
    used += is_used(op) ? 1 : 0;
  });
  if (used == 0) GTEST_SKIP() << "a build without oneDNN or Highway";
  EXPECT_EQ(used, 6) << "two convolutions, their gradients by image and by weight";
}

TEST_P(Winograd, IsRightOnEveryInstructionSet) {
  for (std::size_t set = 1; set < cpu::instruction_sets().size(); ++set) {
    SCOPED_TRACE(cpu::instruction_sets()[set]);
    use_set(set);
    for_each_convolution([&](OpId op, const std::vector<Bits>& inputs, const Bits& expected) {
      const auto found = KernelRig(*cpu_, model_, op, inputs).run();
      EXPECT_EQ(found.complaint, "");
      testing::expect_near(found.outputs[0], expected, type_of_result(op), 0);
    });
  }
}

// What docs/training.md promises: the length of the difference, by that of the result.
TEST_P(Winograd, HasSmallRelativeErrors) {
  for_each_convolution([&](OpId op, const std::vector<Bits>& inputs, const Bits& expected) {
    const Bits found = KernelRig(*cpu_, model_, op, inputs).run().outputs[0];
    const auto floats = [](const Bits& bits) {
      return std::span(reinterpret_cast<const float*>(bits.data()), bits.size() / sizeof(float));
    };
    double squares = 0;
    double errors = 0;
    for (std::size_t e = 0; e < floats(found).size(); ++e) {
      const double right = floats(expected)[e];
      squares += right * right;
      errors += (floats(found)[e] - right) * (floats(found)[e] - right);
    }
    EXPECT_LT(std::sqrt(errors / squares), 1e-6);
  });
}

INSTANTIATE_TEST_SUITE_P(All, Winograd, ::testing::ValuesIn(cases()),
                         [](const auto& each) { return each.param.name; });

TEST(WinogradAttribute, IsAllowedWhereItFits) {
  GraphBuilder b("kinds");
  const TensorId x = b.input("x", {1, 4, 9, 9});
  const TensorId fit = b.conv(x, 4, {3}, {.padding = {1}});
  const TensorId strided = b.conv(fit, 4, {3}, {.stride = {2}, .padding = {1}});
  const TensorId grouped = b.conv(strided, 4, {3}, {.padding = {1}, .groups = 2});
  const TensorId small = b.conv(grouped, 4, {1});
  b.loss(b.reduce_mean(small, {0, 1, 2, 3}));
  TrainingOptions options;
  options.winograd = true;
  const TrainingModel model = make_training_model(std::move(b).build(), options);
  const auto allowed =
      std::count_if(model.kernels.begin(), model.kernels.end(),
                    [](const Kernel& kernel) { return kernel.attributes.flag("winograd"); });
  EXPECT_EQ(allowed, 2) << "the first one and the gradient of its weight";
}

}  // namespace
}  // namespace rockmate
