// Kernels of the cpu engine on channels-last images, against the reference engine on the same
// images in rows: numbers, bits on one thread and two, in place, and without optional outputs.
// Channels fill vectors, or leave rests of all kinds.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "graph/op_table.h"
#include "support/fused_examples.h"
#include "support/interpreter_engine.h"
#include "support/kernel_rig.h"
#include "support/op_examples.h"
#include "support/source_bits.h"

namespace rockmate {
namespace {

using testing::Bits;
using testing::KernelRig;
using testing::OpExample;
using Ids = std::vector<TensorId>;

TensorId image(GraphBuilder& b, const std::string& name, const Shape& shape) {
  return b.parameter(name, shape, {Fill::Kind::kUniform, 2});
}

// Of two or four channels each, or as many as are left: rows longer than one run of pixels, strides
// that share no pixels, windows whose columns are no neighbours or wider than what is read at once.
void add_groups(std::vector<OpExample>& list, std::int64_t groups) {
  using enum OpKind;
  struct Case {
    std::string name;
    std::int64_t size;
    Shape window, stride, padding, dilation;
  };
  const std::vector<Case> cases = {{"same", 4, {3}, {1}, {1}, {1}},
                                   {"pairs", 2, {3}, {1}, {1}, {1}},
                                   {"strided", 4, {3}, {2}, {1}, {1}},
                                   {"long_strides", 4, {2, 3}, {1, 3}, {0, 2}, {1}},
                                   {"gaps", 2, {1, 2}, {3, 4}, {0}, {1}},
                                   {"dilated", 4, {3, 2}, {1}, {2, 1}, {2, 3}},
                                   {"wide", 4, {2, 5}, {1}, {3, 1, 0, 2}, {1}}};
  for (const Case& each : cases) {
    ConvOptions options{.stride = each.stride, .padding = each.padding, .dilation = each.dilation};
    options.groups = groups;
    const std::int64_t c = groups * each.size;
    list.push_back(
        {fmt::format("groups_{}_{}", each.name, groups), kConv, [=](GraphBuilder& b) -> Ids {
           return {b.conv(image(b, "x", {2, c, 9, 33}), c, each.window, options)};
         }});
  }
}

// What nets do with images of so many channels.
void add_examples(std::vector<OpExample>& list, std::int64_t c) {
  using enum OpKind;
  const auto add = [&](OpKind kind, const std::string& name, std::function<Ids(GraphBuilder&)> f) {
    list.push_back({fmt::format("{}_{}", name, c), kind, std::move(f)});
  };
  add(kBatchNorm, "norm", [c](GraphBuilder& b) -> Ids {
    return {b.relu(b.batch_norm(image(b, "x", {2, c, 9, 7})))};
  });
  // Pooled, so that what is fused ends with the activation.
  using Activation = TensorId (GraphBuilder::*)(TensorId);
  for (const Activation f :
       {&GraphBuilder::relu, &GraphBuilder::relu6, &GraphBuilder::hard_swish}) {
    add(kBatchNorm, "activated", [c, f](GraphBuilder& b) -> Ids {
      return {b.max_pool((b.*f)(b.batch_norm(image(b, "x", {2, c, 9, 17}))), {2})};
    });
  }
  add(kBatchNorm, "residual", [c](GraphBuilder& b) -> Ids {
    const TensorId x = image(b, "x", {2, c, 9, 31});
    return {b.max_pool(b.relu(b.add(b.batch_norm(x), image(b, "y", {2, c, 9, 31}))), {2})};
  });
  add(kBatchNorm, "many_rows", [c](GraphBuilder& b) -> Ids {
    return {b.clip(b.batch_norm(image(b, "x", {3, c, 31, 29})), -0.5, 0.75)};
  });
  add(kAdd, "residual", [c](GraphBuilder& b) -> Ids {
    const TensorId x = image(b, "x", {2, c, 5, 4});
    return {
        b.hard_swish(b.add(x, b.mul(image(b, "y", {2, c, 5, 4}), image(b, "s", {2, c, 1, 1}))))};
  });
  add(kMul, "numbers", [c](GraphBuilder& b) -> Ids {
    return {b.mul(image(b, "x", {2, c, 5, 4}), image(b, "s", {c, 1, 1}))};
  });
  add(kMaxPool, "overlapping", [c](GraphBuilder& b) -> Ids {
    const PoolOptions options = {.stride = {2}, .padding = {1}, .dilation = {1}};
    return {b.max_pool(image(b, "x", {2, c, 9, 8}), {3}, options)};
  });
  add(kMaxPool, "dilated", [c](GraphBuilder& b) -> Ids {
    PoolOptions options = {.stride = {1, 2}, .padding = {0, 1}, .dilation = {2, 1}};
    options.ceil_mode = true;
    return {b.max_pool(image(b, "x", {2, c, 7, 10}), {2, 3}, options)};
  });
  add(kAveragePool, "global", [c](GraphBuilder& b) -> Ids {
    return {b.global_average_pool(image(b, "x", {2, c, 7, 6}))};
  });
  for (const std::int64_t stride : {1, 2}) {
    for (const std::int64_t window : {3, 5}) {
      add(kConv, fmt::format("depthwise_{}x{}_{}", window, window, stride),
          [=](GraphBuilder& b) -> Ids {
            ConvOptions options{.stride = {stride}, .padding = {window / 2}, .dilation = {1}};
            options.groups = c;
            options.bias = window == 3;
            return {b.conv(image(b, "x", {2, c, 9, 13}), c, {window}, options)};
          });
    }
  }
  add(kConvTranspose, "depthwise", [c](GraphBuilder& b) -> Ids {
    ConvOptions options{.stride = {2, 3}, .padding = {1, 0, 0, 1}, .dilation = {1, 2}};
    options.groups = c;
    options.output_padding = {1, 0};
    return {b.conv_transpose(image(b, "x", {2, c, 5, 7}), c, {2, 3}, options)};
  });
  add(kConcat, "parts", [c](GraphBuilder& b) -> Ids {
    const TensorId x = image(b, "x", {2, c, 5, 4});
    return {b.concat({b.slice(x, 1, 0, 1), b.relu(x), x}, 1), b.slice(x, 2, 1, 3)};
  });
  add(kSplit, "halves", [c](GraphBuilder& b) -> Ids {
    const auto parts = b.split(image(b, "x", {2, 2 * c, 5, 4}), {c, c}, 1);
    return {b.mul(parts[0], parts[1])};
  });
  add(kPad, "border", [c](GraphBuilder& b) -> Ids {
    return {b.pad(image(b, "x", {2, c, 5, 4}), {0, 1, 1, -1}, {0, 0, 2, 1}, 0.5)};
  });
  add(kReduceMean, "reductions", [c](GraphBuilder& b) -> Ids {
    const TensorId x = image(b, "x", {2, c, 5, 4});
    return {b.reduce_mean(x, {2, 3}), b.reduce_mean(x, {2, 3}, true), b.reduce_sum(x, {0, 2, 3}),
            b.reduce_max(x, {1}), b.reduce_sum(x)};
  });
  add(kSoftmax, "channels", [c](GraphBuilder& b) -> Ids {
    return {b.softmax(image(b, "x", {2, c, 5, 4}), 1),
            b.log_softmax(image(b, "y", {2, c, 5, 4}), 3)};
  });
  add(kDropout, "image", [c](GraphBuilder& b) -> Ids {
    return {b.dropout(image(b, "x", {2, c, 9, 15}), 0.3)};
  });
  add(kElu, "others", [c](GraphBuilder& b) -> Ids {
    const TensorId x = image(b, "x", {2, c, 5, 4});
    return {b.where(b.less(x, b.scalar(0)), b.elu(x), b.softplus(image(b, "s", {2, c, 5, 4})))};
  });
  for (const bool counts : {false, true}) {
    add(kAveragePool, "padded", [c, counts](GraphBuilder& b) -> Ids {
      PoolOptions options = {.stride = {2}, .padding = {1}, .dilation = {1}};
      options.ceil_mode = true;
      options.count_include_pad = counts;
      return {b.average_pool(image(b, "x", {2, c, 8, 7}), {3}, options)};
    });
  }
}

std::vector<OpExample> examples() {
  std::vector<OpExample> list;
  for (const std::int64_t channels : {1, 3, 16, 17, 24, 58}) add_examples(list, channels);
  for (const std::int64_t groups : {3, 9}) add_groups(list, groups);
  // With weights large enough for products.
  for (const std::int64_t stride : {1, 3}) {
    list.push_back(
        {fmt::format("pointwise_{}", stride), OpKind::kConv, [stride](GraphBuilder& b) -> Ids {
           const ConvOptions options{.stride = {2, stride}, .bias = false};
           return {b.conv(image(b, "x", {2, 384, 7, 9}), 352, {1}, options)};
         }});
  }
  return list;
}

Bits reordered(const Bits& bits, const TensorType& type, bool back) {
  TensorType rows = type;
  rows.format = MemoryFormat::kRowMajor;
  Bits result(bits.size());
  testing::from_doubles(testing::to_doubles(back ? type : rows, bits.data()), back ? rows : type,
                        result.data());
  return result;
}

// Of a convolution, or of one among parts.
bool is_weight(const Kernel& kernel, ValueId v) {
  using enum OpKind;
  if (kernel.kind == kConv || kernel.kind == kConvTranspose) return v == kernel.inputs[1];
  if (kernel.kind == kConvWeightGradient) return v == kernel.outputs[0];
  if (kernel.kind != kFused) return false;
  const auto& parts = kernel.attributes.parts().parts;
  return std::any_of(parts.begin(), parts.end(), [&](const FusedPart& part) {
    return part.kind == kConv && part.inputs[1] < kernel.inputs.size() &&
           kernel.inputs[part.inputs[1]] == v;
  });
}

bool is_image(const TrainingModel& model, const Kernel& kernel, ValueId v) {
  return !is_weight(kernel, v) && model.types[v].shape.size() == 4;
}

// The parts of a fused kernel on channels-last images.
void set_formats_of_parts(Kernel& kernel) {
  if (kernel.kind != OpKind::kFused) return;
  auto parts = std::make_shared<FusedParts>(kernel.attributes.parts());
  for (FusedPart& part : parts->parts) {
    for (TensorType& type : part.outputs) {
      if (type.shape.size() == 4) type.format = MemoryFormat::kChannelsLast;
    }
  }
  kernel.attributes.set("parts", std::shared_ptr<const FusedParts>(std::move(parts)));
}

class ChannelsLast : public ::testing::Test {
 protected:
  // Runs a kernel on the reference engine, and on the cpu engine.
  void check(const TrainingModel& model, OpId op, std::map<ValueId, Bits>& values) {
    const Kernel& kernel = model.kernels[op];
    std::vector<Bits> inputs;
    for (const ValueId v : kernel.inputs) inputs.push_back(values.at(v));
    const auto expected = KernelRig(*reference_, model, op, inputs).run();
    for (std::size_t o = 0; o < kernel.outputs.size(); ++o) {
      values[kernel.outputs[o]] = expected.outputs[o];
    }
    TrainingModel last = model;
    bool has_images = false;
    for (const auto* list : {&kernel.inputs, &kernel.outputs}) {
      for (const ValueId v : *list) {
        if (!is_image(model, kernel, v)) continue;
        last.types[v].format = MemoryFormat::kChannelsLast;
        has_images = true;
      }
    }
    if (!has_images) return;
    set_formats_of_parts(last.kernels[op]);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const TensorType& type = last.types[kernel.inputs[i]];
      if (type.format == MemoryFormat::kChannelsLast) inputs[i] = reordered(inputs[i], type, false);
    }
    check_against(expected, last, op, inputs);
    seen_.insert(kernel.kind);
    seen_groups_.insert(testing::parts_of(kernel));
  }

  void check_against(const testing::RunResult& expected, const TrainingModel& last, OpId op,
                     const std::vector<Bits>& inputs) {
    const Kernel& kernel = last.kernels[op];
    KernelRig rig(*cpu_, last, op, inputs);
    const auto found = rig.run();
    EXPECT_EQ(found.complaint, "");
    for (std::size_t o = 0; o < kernel.outputs.size(); ++o) {
      const TensorType& type = last.types[kernel.outputs[o]];
      const bool is_last = type.format == MemoryFormat::kChannelsLast;
      testing::expect_near(is_last ? reordered(found.outputs[o], type, true) : found.outputs[o],
                           expected.outputs[o], type, 1);
    }
    EXPECT_EQ(KernelRig(*one_, last, op, inputs).run().outputs, found.outputs) << "one thread";
    for (const auto& choice : testing::in_place_choices(last, op)) {
      EXPECT_EQ(rig.run({.in_place = choice}).outputs, found.outputs) << "in place";
    }
    for (const std::size_t o : optional_outputs(kernel.kind, kernel.attributes)) {
      const auto without = rig.run({.skipped = {o}});
      for (std::size_t other = 0; other < found.outputs.size(); ++other) {
        if (other == o) continue;
        EXPECT_EQ(without.outputs[other], found.outputs[other]) << "skipped";
      }
    }
  }

  void check_examples(bool fuse) {
    for (const OpExample& example : examples()) {
      TrainingOptions options;
      options.fuse = fuse;
      const TrainingModel model = make_training_model(example_model(example), options);
      std::map<ValueId, Bits> values = testing::source_bits(model);
      for (std::size_t o = 0; o < model.kernels.size(); ++o) {
        SCOPED_TRACE(fmt::format("{} of {}", signature(model, OpId(o)), example.name));
        check(model, OpId(o), values);
        if (HasFailure()) return;
      }
    }
  }

  std::set<OpKind> seen_;
  std::set<std::string> seen_groups_;

 private:
  std::unique_ptr<Engine> reference_ = make_reference_engine(1);
  std::unique_ptr<Engine> cpu_ = make_cpu_engine(2);
  std::unique_ptr<Engine> one_ = make_cpu_engine(1);
};

TEST_F(ChannelsLast, KernelsComputeWhatTheReferenceEngineDoesInRows) {
  check_examples(false);
  using enum OpKind;
  for (const OpKind kind : {kBatchNorm,
                            kBatchNormGradient,
                            kRelu,
                            kReluGradient,
                            kClip,
                            kClipGradient,
                            kAdd,
                            kMul,
                            kHardSwish,
                            kHardSwishGradient,
                            kMaxPool,
                            kMaxPoolGradient,
                            kAveragePool,
                            kAveragePoolGradient,
                            kConv,
                            kConvTranspose,
                            kConvWeightGradient,
                            kConcat,
                            kSplit,
                            kSlice,
                            kSliceGradient,
                            kPad,
                            kReduceMean,
                            kReduceSum,
                            kReduceMax,
                            kReduceExtremumGradient,
                            kExpand,
                            kSoftmax,
                            kSoftmaxGradient,
                            kLogSoftmax,
                            kLogSoftmaxGradient,
                            kElu,
                            kEluGradient,
                            kWhere,
                            kLess,
                            kSoftplus}) {
    EXPECT_TRUE(seen_.contains(kind)) << to_string(kind);
  }
}

TEST_F(ChannelsLast, FusedKernelsComputeWhatTheReferenceEngineDoesInRows) {
  check_examples(true);
  for (const char* group :
       {"batch_norm_statistics", "batch_norm_apply relu", "batch_norm_apply clip",
        "batch_norm_apply hard_swish", "batch_norm_apply add relu",
        "batch_norm_apply relu_gradient batch_norm_gradient",
        "batch_norm_apply clip_gradient batch_norm_gradient",
        "batch_norm_apply hard_swish_gradient batch_norm_gradient"}) {
    EXPECT_TRUE(seen_groups_.contains(group)) << group;
  }
}

}  // namespace
}  // namespace rockmate
