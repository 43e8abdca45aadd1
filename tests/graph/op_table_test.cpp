#include "graph/op_table.h"

#include <gtest/gtest.h>

#include <set>

#include "rockmate/training_model.h"
#include "support/models.h"

namespace rockmate {
namespace {

TEST(OpTable, NamesAreUniqueAndReadBack) {
  std::set<std::string_view> names;
  for (std::size_t k = 0; k < kOpKinds; ++k) {
    const auto kind = static_cast<OpKind>(k);
    EXPECT_TRUE(names.insert(to_string(kind)).second) << to_string(kind);
    EXPECT_EQ(parse_op_kind(to_string(kind)), kind);
  }
  EXPECT_FALSE(parse_op_kind("convolution"));
}

TEST(OpTable, PositionsInEntriesExist) {
  for (std::size_t k = 0; k < kOpKinds; ++k) {
    const OpDefinition& entry = definition(static_cast<OpKind>(k));
    for (const std::size_t output : entry.optional) EXPECT_LT(output, entry.outputs.size());
    for (const std::size_t input : entry.updates) EXPECT_LT(input, entry.max_inputs);
    for (const MayOverwrite& pair : entry.in_place) {
      EXPECT_LT(pair.input, entry.max_inputs) << entry.name;
      EXPECT_LT(pair.output, entry.outputs.size()) << entry.name;
    }
  }
}

Work work_of(const TrainingModel& model, OpId op) {
  const Kernel& kernel = model.kernels[op];
  OpView view{model.graph[op].name, kernel.kind, kernel.attributes, {}};
  for (const ValueId v : kernel.inputs) view.inputs.push_back(&model.types[v]);
  Types outputs;
  for (const ValueId v : kernel.outputs) outputs.push_back(model.types[v]);
  return rockmate::work_of(view, outputs);
}

// FLOPs of matrix products and convolutions in one phase.
double matrix_flops(const TrainingModel& model, Phase phase) {
  double flops = 0;
  for (std::size_t o = 0; o < model.graph.ops().size(); ++o) {
    const Work work = work_of(model, OpId(o));
    if (work.is_matrix && model.graph[OpId(o)].phase == phase) flops += work.flops;
  }
  return flops;
}

TEST(OpTable, CountsTheFlopsOfResNet50) {
  const TrainingModel model =
      make_training_model(testing::resnet(1, {.blocks = {3, 4, 6, 3}, .bottleneck = true}));
  const double forward = matrix_flops(model, Phase::kForward);
  // torchvision states 4.09 billion multiply-adds.
  EXPECT_NEAR(forward, 2 * 4.089e9, 2e7);
  // The gradient of each weight and of each input cost as much as the forward op, but nobody asks
  // for the gradient of the image.
  const double stem = 2.0 * 64 * 112 * 112 * 3 * 49;
  EXPECT_DOUBLE_EQ(matrix_flops(model, Phase::kBackward), 2 * forward - stem);
}

TEST(OpTable, CountsTheFlopsOfGpt2) {
  const std::int64_t tokens = 64;
  const TrainingModel model = make_training_model(testing::gpt(1, tokens, {}));
  const double width = 768;
  const double per_token =
      12 * (2 * 12 * width * width + 4 * static_cast<double>(tokens) * width) + 2 * 50257 * width;
  EXPECT_DOUBLE_EQ(matrix_flops(model, Phase::kForward), static_cast<double>(tokens) * per_token);
  EXPECT_DOUBLE_EQ(matrix_flops(model, Phase::kBackward),
                   2 * static_cast<double>(tokens) * per_token);
}

TEST(OpTable, CountsBytesMovedOnceEach) {
  const TrainingModel model = make_training_model(testing::mlp(32, 64, 1));
  const auto bytes = [&](const char* op) {
    return work_of(model, *model.graph.find_op(op)).traffic.count();
  };
  EXPECT_EQ(bytes("linear_1"), 4 * (32 * 64 + 64 * 64 + 64 + 32 * 64));
  EXPECT_EQ(bytes("relu_1"), 4 * 2 * 32 * 64 + 32 * 64 / 8);
  EXPECT_EQ(bytes("linear_1.weight.update"), 4 * 3 * 64 * 64);
}

TEST(OpTable, ViewsAreFree) {
  GraphBuilder b("view");
  b.loss(b.reduce_mean(b.flatten(b.linear(b.input("x", {2, 3, 4}), 5))));
  const TrainingGraph graph = make_training_graph(std::move(b).build());
  const Op& view = graph[*graph.find_op("reshape_1")];
  EXPECT_EQ(view.seconds(), Seconds(0));
  EXPECT_EQ(graph[view.outputs[0]].storage, graph.find_value("linear_1"));
}

TEST(OpTable, SignaturesHoldWhatDeterminesTheCost) {
  GraphBuilder b("signatures");
  const TensorId x = b.input("x", {2, 3, 8, 8});
  TensorId y = b.conv(x, 4, {3}, {.stride = {2}, .padding = {1, 0}});
  y = b.dropout(b.dropout(y, 0.1), 0.2);
  b.loss(b.reduce_mean(y));
  const TrainingModel model = make_training_model(std::move(b).build());
  const auto of = [&](const char* op) { return signature(model, *model.graph.find_op(op)); };
  EXPECT_EQ(of("conv_1"),
            "conv(float32[2, 3, 8, 8], float32[4, 3, 3, 3], float32[4]; dilations=[1, 1], "
            "groups=1, pads=[1, 0, 1, 0], strides=[2, 2])");
  EXPECT_EQ(of("dropout_1"), "dropout(float32[2, 4, 4, 3])");
  EXPECT_EQ(of("dropout_1"), of("dropout_2.backward"));
}

}  // namespace
}  // namespace rockmate
