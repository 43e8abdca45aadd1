// Models that state their batch in constants, imported at another one.

#include <gtest/gtest.h>

#include "rockmate/error.h"
#include "rockmate/onnx.h"
#include "support/onnx_model.h"

namespace rockmate {
namespace {

using testing::OnnxModel;
using Wholes = std::vector<std::int64_t>;

Shape shape_at(OnnxModel& model, std::optional<std::int64_t> batch) {
  OnnxOptions options;
  options.loss = OnnxLoss::kNone;
  options.batch = batch;
  const Graph graph = import_onnx_bytes(model.output("y").bytes(), "m.onnx", options);
  return graph[graph.outputs()[0]].type.shape;
}

// x reshaped to a target that holds the batch as a number.
Shape reshaped(const Shape& x, const Wholes& target, std::int64_t batch) {
  OnnxModel model;
  model.input("x", x).wholes("t", target).node("Reshape", {"x", "t"}, {"y"});
  return shape_at(model, batch);
}

TEST(OnnxBatch, ReshapeTargetsFollow) {
  EXPECT_EQ(reshaped({8, 196, 768}, {1568, 768}, 32), (Shape{6272, 768}));
  EXPECT_EQ(reshaped({8, 196, 768}, {8, 196, 12, 64}, 3), (Shape{3, 196, 12, 64}));
  EXPECT_EQ(reshaped({8, 196, 768}, {-1, 768}, 3), (Shape{588, 768}));
  EXPECT_EQ(reshaped({8, 196, 768}, {8, -1, 768}, 3), (Shape{3, 196, 768}));
  EXPECT_EQ(reshaped({8, 3, 4}, {0, -1}, 3), (Shape{3, 12}));
}

TEST(OnnxBatch, ABatchOfOneFollowsToo) {
  EXPECT_EQ(reshaped({1, 196, 768}, {1, 196, 12, 64}, 4), (Shape{4, 196, 12, 64}));
  EXPECT_EQ(reshaped({1, 196, 768}, {196, 768}, 4), (Shape{784, 768}));
  EXPECT_EQ(reshaped({1, 12, 768}, {-1, 768}, 4), (Shape{48, 768}));
}

// Sequence first: heads are multiplied by the batch, as torch.nn.MultiheadAttention does.
TEST(OnnxBatch, ABatchInTheMiddleFollows) {
  for (const std::int64_t exported : {1, 2}) {
    OnnxModel model;
    model.input("x", {exported, 197, 768}).node("Transpose", {"x"}, {"t"});
    model.attribute("perm", Wholes{1, 0, 2}).wholes("s", {197, exported * 12, 64});
    model.node("Reshape", {"t", "s"}, {"y"});
    EXPECT_EQ(shape_at(model, 4), (Shape{197, 48, 64})) << exported;
  }
}

// Attention as torch.nn.MultiheadAttention writes it, back to rows of features and to sequences.
TEST(OnnxBatch, ABatchBesideAnotherFactorFollows) {
  for (const std::int64_t exported : {1, 2}) {
    OnnxModel model;
    model.input("x", {exported, 197, 768}).node("Transpose", {"x"}, {"t"});
    model.attribute("perm", Wholes{1, 0, 2}).wholes("s", {197, exported * 12, 64});
    model.node("Reshape", {"t", "s"}, {"heads"}).wholes("r", {197 * exported, 768});
    model.node("Reshape", {"heads", "r"}, {"rows"}).wholes("b", {197, exported, 768});
    model.node("Relu", {"rows"}, {"rows2"}).node("Reshape", {"rows2", "b"}, {"y"});
    EXPECT_EQ(shape_at(model, 4), (Shape{197, 4, 768})) << exported;
  }
}

TEST(OnnxBatch, FirstHiddenStatesFollow) {
  OnnxModel model;
  model.input("x", {2, 3}).constant("h", {2, 3}, std::vector<float>(6, 0));
  model.node("Add", {"x", "h"}, {"y"});
  EXPECT_EQ(shape_at(model, 5), (Shape{5, 3}));
}

TEST(OnnxBatch, ClassTokensFollow) {
  for (const std::int64_t exported : {1, 2}) {
    OnnxModel model;
    model.input("x", {exported, 196, 64}).input("token", {1, 1, 64}).wholes("s", {exported, 1, 64});
    model.node("Expand", {"token", "s"}, {"t"}).node("Concat", {"t", "x"}, {"y"});
    model.attribute("axis", std::int64_t{1});
    EXPECT_EQ(shape_at(model, 4), (Shape{4, 197, 64})) << exported;
  }
}

TEST(OnnxBatch, SymbolsAreGivenOrOne) {
  OnnxModel model;
  model.symbolic_input("x", "N", {3}).node("Relu", {"x"}, {"y"});
  EXPECT_EQ(shape_at(model, std::nullopt), (Shape{1, 3}));
  EXPECT_EQ(shape_at(model, 7), (Shape{7, 3}));
}

TEST(OnnxBatch, SamplesMayHaveAnotherShape) {
  OnnxModel model;
  model.input("x", {2, 3, 8, 8}).node("GlobalAveragePool", {"x"}, {"y"});
  OnnxOptions options;
  options.loss = OnnxLoss::kNone;
  options.batch = 5;
  options.sample_shape = {4, 6, 7};
  const std::string bytes = model.output("y").bytes();
  const Graph graph = import_onnx_bytes(bytes, "m.onnx", options);
  EXPECT_EQ(graph[*graph.find("x")].type.shape, (Shape{5, 4, 6, 7}));
  EXPECT_EQ(graph[graph.outputs()[0]].type.shape, (Shape{5, 4, 1, 1}));
  options.sample_shape = {4, 6};
  try {
    static_cast<void>(import_onnx_bytes(bytes, "m.onnx", options));
    FAIL() << "expected an error";
  } catch (const InvalidInput& error) {
    EXPECT_STREQ(
        error.what(),
        "m.onnx: input 'x': [2, 3, 8, 8]: a sample of shape [4, 6] was asked for, expected "
        "one of 3 axes");
  }
}

TEST(OnnxBatch, WhatCannotFollowSaysSo) {
  OnnxModel model;
  model.input("x", {2, 3}).input("w", {2, 4}).node("Transpose", {"x"}, {"t"});
  model.node("MatMul", {"t", "w"}, {"y"});
  try {
    static_cast<void>(shape_at(model, 5));
    FAIL() << "expected an error";
  } catch (const InvalidInput& error) {
    EXPECT_NE(std::string(error.what()).find("exported with a batch of 2"), std::string::npos);
  }
}

}  // namespace
}  // namespace rockmate
