// The vectorized kernels on each instruction set against the best one: one binary serves many
// machines, and on most of them only one set is tried by everything else.

#include "exec/cpu/instruction_sets.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "exec/engine.h"
#include "rockmate/error.h"
#include "rockmate/graph_builder.h"
#include "support/fused_examples.h"
#include "support/kernel_rig.h"
#include "support/large_examples.h"
#include "support/op_examples.h"
#include "support/source_bits.h"

namespace rockmate {
namespace {

using testing::Bits;
using testing::KernelRig;
using testing::OpExample;

std::vector<OpExample> examples() {
  std::vector<OpExample> list = testing::op_examples();
  list.insert(list.end(), testing::large_examples().begin(), testing::large_examples().end());
  for (const std::int64_t channels : {5, 19}) {
    list.push_back(
        {"depthwise", OpKind::kConv, [=](GraphBuilder& b) -> std::vector<TensorId> {
           const TensorId x = b.parameter("x", {2, channels, 9, 11}, {Fill::Kind::kUniform, 1});
           ConvOptions options{.stride = {2, 1}, .padding = {2}, .dilation = {1}};
           options.groups = channels;
           return {b.conv(b.relu(x), channels, {5}, options)};
         }});
  }
  for (const std::int64_t size : {2, 4}) {
    for (const std::int64_t stride : {1, 2}) {
      list.push_back(
          {"groups", OpKind::kConv, [=](GraphBuilder& b) -> std::vector<TensorId> {
             const TensorId x = b.parameter("x", {2, 7 * size, 9, 31}, {Fill::Kind::kUniform, 1});
             ConvOptions options{.stride = {stride}, .padding = {1}};
             options.groups = 7;
             return {b.conv(b.relu(x), 7 * size, {3}, options)};
           }});
    }
  }
  return list;
}

// The same elements, called channels-last: for kernels that are compared with themselves only.
TrainingModel with_images_last(TrainingModel model, OpId op) {
  const Kernel& kernel = model.kernels[op];
  using enum OpKind;
  const bool is_conv = kernel.kind == kConv || kernel.kind == kConvTranspose;
  const auto set = [&](ValueId v) {
    TensorType& type = model.types[v];
    if (type.shape.size() == 4) type.format = MemoryFormat::kChannelsLast;
  };
  for (std::size_t i = 0; i < kernel.inputs.size(); ++i) {
    if (!is_conv || i != 1) set(kernel.inputs[i]);
  }
  for (const ValueId v : kernel.outputs) {
    if (kernel.kind != kConvWeightGradient) set(v);
  }
  return model;
}

class InstructionSets : public ::testing::Test {
 protected:
  ~InstructionSets() override { use(0); }
  static void use(std::size_t set) {
    const auto sets = cpu::instruction_sets();
    if (set < sets.size()) cpu::use_instruction_set(sets[set]);
  }

  // Returns what the best set makes of it; none: the engine does not take it.
  std::optional<testing::RunResult> compare(const TrainingModel& model, OpId op,
                                            const std::vector<Bits>& inputs) {
    const KernelSpec spec = kernel_spec(model, op);
    std::optional<testing::RunResult> best;
    try {
      use(0);
      best = KernelRig(*engine_, model, op, inputs).run();
    } catch (const InvalidInput&) {
      return std::nullopt;
    }
    for (std::size_t set = 1; set < cpu::instruction_sets().size(); ++set) {
      SCOPED_TRACE(cpu::instruction_sets()[set]);
      use(set);
      const auto found = KernelRig(*engine_, model, op, inputs).run();
      EXPECT_EQ(found.complaint, "");
      for (std::size_t o = 0; o < found.outputs.size(); ++o) {
        testing::expect_near(found.outputs[o], best->outputs[o], spec.outputs[o], 1);
      }
      for (std::size_t i = 0; i < found.inputs.size(); ++i) {
        testing::expect_near(found.inputs[i], best->inputs[i], spec.inputs[i], 1);
      }
    }
    return best;
  }

  // `as_images`: each op also with its images called channels-last.
  void compare_all(const TrainingModel& model, const std::string& name, bool as_images) {
    std::map<ValueId, Bits> values = testing::source_bits(model);
    for (std::size_t o = 0; o < model.kernels.size(); ++o) {
      const OpId op(o);
      SCOPED_TRACE(fmt::format("{} of {}", signature(model, op), name));
      const Kernel& kernel = model.kernels[op];
      std::vector<Bits> inputs;
      for (const ValueId v : kernel.inputs) inputs.push_back(values.at(v));
      if (as_images) compare(with_images_last(model, op), op, inputs);
      const auto result = compare(model, op, inputs);
      ASSERT_TRUE(result);
      for (std::size_t i = 0; i < kernel.outputs.size(); ++i) {
        values[kernel.outputs[i]] = result->outputs[i];
      }
      if (HasFailure()) return;
    }
  }

 private:
  std::unique_ptr<Engine> engine_ = make_cpu_engine(1);
};

TEST_F(InstructionSets, DifferByRoundingAlone) {
  if (cpu::instruction_sets().size() < 2) GTEST_SKIP() << "one instruction set";
  for (const OpExample& example : examples()) {
    compare_all(make_training_model(example_model(example)), example.name, true);
    if (HasFailure()) return;
  }
}

// Four blocks that run in bands of rows: with windows of either width, strides, and rests of
// vectors.
TEST_F(InstructionSets, DifferInBandsByRoundingAlone) {
  if (cpu::instruction_sets().size() < 2) GTEST_SKIP() << "one instruction set";
  GraphBuilder b("bands");
  const auto depthwise = [&](TensorId x, std::int64_t window, std::int64_t stride) {
    ConvOptions options{.stride = {stride}, .padding = {window / 2}};
    options.groups = b.shape(x)[1];
    return b.relu(b.conv(x, options.groups, {window}, options));
  };
  const TensorId x = b.parameter("x", {2, 3, 65, 70}, {Fill::Kind::kUniform, 1});
  const TensorId wide = b.relu(b.conv(x, 37, {3}, {.stride = {2}, .padding = {1}}));
  TensorId y = b.conv(depthwise(wide, 3, 1), 9, {1});
  y = b.conv(depthwise(b.relu(b.conv(y, 53, {1})), 5, 2), 21, {1});
  y = b.add(y, b.conv(depthwise(b.relu(b.conv(y, 70, {1})), 5, 1), 21, {1}));
  y = b.conv(depthwise(b.relu(b.conv(y, 90, {1})), 3, 2), 24, {1});
  b.output(b.max_pool(y, {2}));
  TrainingOptions options;
  options.fuse = options.channels_last = true;
  const TrainingModel model = make_inference_model(std::move(b).build(), options);
  const auto are_bands = [](const Kernel& kernel) {
    return testing::parts_of(kernel).starts_with("conv relu conv relu conv");
  };
  EXPECT_EQ(std::ranges::count_if(model.kernels, are_bands), 4);
  compare_all(model, "bands", false);
}

TEST_F(InstructionSets, UnknownOnesAreRejected) {
  EXPECT_THROW(cpu::use_instruction_set("abacus"), InvalidInput);
}

}  // namespace
}  // namespace rockmate
