// One small model per op and attribute: the type of its output, and how often which op stands in
// the graph. What is known beforehand leaves no node.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "rockmate/onnx.h"
#include "support/onnx_model.h"

namespace rockmate {
namespace {

using testing::OnnxModel;
using Wholes = std::vector<std::int64_t>;

Graph import(OnnxModel& model, const OnnxOptions& options = {.loss = OnnxLoss::kNone}) {
  return import_onnx_bytes(model.output("y").bytes(), "m.onnx", options);
}

Shape output_shape(OnnxModel& model) {
  const Graph graph = import(model);
  return graph[graph.outputs()[0]].type.shape;
}

std::vector<OpKind> kinds(const Graph& graph) {
  std::vector<OpKind> list;
  for (const Node& node : graph.nodes()) list.push_back(node.kind);
  return list;
}

TEST(OnnxOps, ConvolutionOfEveryRankAndPadding) {
  for (std::size_t rank = 1; rank <= 3; ++rank) {
    const auto with = [&](Shape head, std::int64_t extent) {
      head.resize(2 + rank, extent);
      return head;
    };
    for (const char* mode : {"SAME_UPPER", "SAME_LOWER", "VALID"}) {
      OnnxModel model;
      model.input("x", with({2, 4}, 9)).input("w", with({6, 2}, 3)).node("Conv", {"x", "w"}, {"y"});
      model.attribute("group", std::int64_t{2}).attribute("strides", Wholes(rank, 2));
      model.attribute("auto_pad", mode);
      EXPECT_EQ(output_shape(model), with({2, 6}, std::string(mode) == "VALID" ? 4 : 5)) << mode;
    }
    OnnxModel model;
    model.input("x", with({2, 4}, 5)).input("w", with({4, 3}, 3));
    model.node("ConvTranspose", {"x", "w"}, {"y"}).attribute("strides", Wholes(rank, 2));
    model.attribute("output_shape", Wholes(rank, 10));
    EXPECT_EQ(output_shape(model), with({2, 3}, 10));
  }
}

TEST(OnnxOps, GemmWithEveryFlag) {
  for (const bool a : {false, true}) {
    for (const bool b : {false, true}) {
      OnnxModel model;
      model.input("x", a ? Shape{8, 4} : Shape{4, 8}).input("w", b ? Shape{3, 8} : Shape{8, 3});
      model.input("c", {3}).node("Gemm", {"x", "w", "c"}, {"y"});
      model.attribute("transA", std::int64_t{a}).attribute("transB", std::int64_t{b});
      EXPECT_EQ(output_shape(model), (Shape{4, 3}));
      model.attribute("alpha", 0.5).attribute("beta", 2.0);
      EXPECT_EQ(output_shape(model), (Shape{4, 3}));
    }
  }
}

TEST(OnnxOps, MatMulFollowsNumpy) {
  struct Case {
    Shape a, b, y;
  };
  for (const auto& [a, b, y] :
       {Case{{5, 4}, {4, 3}, {5, 3}}, Case{{2, 5, 4}, {4, 3}, {2, 5, 3}},
        Case{{7, 1, 5, 4}, {2, 4, 3}, {7, 2, 5, 3}}, Case{{4}, {2, 4, 3}, {2, 3}},
        Case{{2, 5, 4}, {4}, {2, 5}}, Case{{4}, {4, 3}, {3}}, Case{{4}, {4}, {}}}) {
    OnnxModel model;
    model.input("x", a).input("w", b).node("MatMul", {"x", "w"}, {"y"});
    EXPECT_EQ(output_shape(model), y) << to_string(a) << " " << to_string(b);
  }
}

TEST(OnnxOps, BatchNormTrainsInBothModes) {
  for (const std::int64_t training : {0, 1}) {
    OnnxModel model;
    model.input("x", {2, 3, 4, 4}).input("s", {3}).input("b", {3}).input("m", {3}).input("v", {3});
    std::vector<std::string> outputs = {"y"};
    if (training == 1) outputs = {"y", "m2", "v2"};
    model.node("BatchNormalization", {"x", "s", "b", "m", "v"}, outputs);
    model.attribute("training_mode", training).attribute("momentum", 0.75);
    const Graph graph = import(model);
    EXPECT_EQ(kinds(graph), (std::vector{OpKind::kBatchNorm, OpKind::kRunningStatistics}));
    EXPECT_EQ(graph.parameter_count(), 6);
    EXPECT_EQ(graph[*graph.find("m")].kind, TensorKind::kStatistics);
    EXPECT_EQ(graph[*graph.find("v")].fill.value, 1);
    EXPECT_EQ(graph[NodeId(1)].attributes.real("momentum"), 0.25);
  }
}

TEST(OnnxOps, ShapesAreFolded) {
  OnnxModel model;
  model.input("x", {2, 6, 4}).wholes("zero", {0}).wholes("rest", {-1}).wholes("two", {2});
  model.node("Shape", {"x"}, {"s"}).node("Gather", {"s", "zero"}, {"n"});
  model.node("Slice", {"s", "two", "rest"}, {"none"});
  model.node("Mul", {"n", "two"}, {"rows"}).node("Concat", {"rows", "rest", "none"}, {"t"});
  model.attribute("axis", std::int64_t{0}).node("Reshape", {"x", "t"}, {"y"});
  const Graph graph = import(model);
  EXPECT_EQ(graph[graph.outputs()[0]].type.shape, (Shape{4, 12}));
  EXPECT_EQ(kinds(graph), std::vector{OpKind::kReshape});
}

TEST(OnnxOps, PoolingAttributes) {
  OnnxModel model;
  model.input("x", {1, 2, 7, 7}).node("MaxPool", {"x"}, {"y"});
  model.attribute("kernel_shape", Wholes{3, 3}).attribute("strides", Wholes{2, 2});
  model.attribute("ceil_mode", std::int64_t{1}).attribute("dilations", Wholes{2, 1});
  EXPECT_EQ(output_shape(model), (Shape{1, 2, 2, 3}));
  OnnxModel nothing;
  nothing.input("x", {1, 2, 7, 7}).node("AveragePool", {"x"}, {"a"});
  nothing.attribute("kernel_shape", Wholes{1, 1}).node("Relu", {"a"}, {"y"});
  EXPECT_EQ(kinds(import(nothing)), std::vector{OpKind::kRelu});
}

TEST(OnnxOps, PaddingsOfEveryMode) {
  for (const char* mode : {"constant", "reflect", "edge", "wrap"}) {
    OnnxModel model;
    model.input("x", {1, 4, 4}).wholes("p", {0, 1, 2, 0, 0, 1}).node("Pad", {"x", "p"}, {"y"});
    model.attribute("mode", mode);
    EXPECT_EQ(output_shape(model), (Shape{1, 5, 7})) << mode;
  }
}

TEST(OnnxOps, SlicesForwardAndBack) {
  OnnxModel model;
  model.input("x", {5, 8}).wholes("b", {-1, 1}).wholes("e", {INT64_MIN, INT64_MAX});
  model.wholes("a", {0, 1}).wholes("s", {-2, 3}).node("Slice", {"x", "b", "e", "a", "s"}, {"y"});
  EXPECT_EQ(output_shape(model), (Shape{3, 3}));
}

TEST(OnnxOps, NearestResizingIsOneOpWhereItCanBe) {
  const auto resized = [](const char* coordinates, const Wholes& sizes) {
    OnnxModel model;
    model.input("x", {1, 2, 4, 4}).wholes("n", sizes).node("Resize", {"x", "", "", "n"}, {"y"});
    model.attribute("coordinate_transformation_mode", coordinates);
    return kinds(import(model));
  };
  EXPECT_EQ(resized("half_pixel", {1, 2, 8, 8}), std::vector{OpKind::kResize});
  EXPECT_EQ(resized("asymmetric", {1, 2, 8, 8}), std::vector{OpKind::kResize});
  EXPECT_EQ(resized("half_pixel", {1, 2, 2, 4}), std::vector{OpKind::kResize});
  EXPECT_EQ(resized("align_corners", {1, 2, 6, 4}), std::vector{OpKind::kGather});
}

TEST(OnnxOps, OneKnownNumberBecomesAScale) {
  for (const char* op : {"Add", "Sub", "Mul", "Div"}) {
    for (const bool left : {false, true}) {
      OnnxModel model;
      model.input("x", {3, 4}).constant("c", {}, {3});
      model.node(op, left ? std::vector<std::string>{"c", "x"} : std::vector<std::string>{"x", "c"},
                 {"y"});
      const auto found = kinds(import(model));
      EXPECT_EQ(found.back(), OpKind::kScale) << op;
      EXPECT_EQ(found.size(), std::string(op) == "Div" && left ? 2U : 1U) << op;
    }
  }
}

TEST(OnnxOps, OldSoftmaxRunsOverAllAxesBehind) {
  OnnxModel old(11);
  old.input("x", {2, 3, 4}).node("Softmax", {"x"}, {"y"});
  EXPECT_EQ(kinds(import(old)),
            (std::vector{OpKind::kReshape, OpKind::kSoftmax, OpKind::kReshape}));
  OnnxModel young(13);
  young.input("x", {2, 3, 4}).node("Softmax", {"x"}, {"y"});
  EXPECT_EQ(kinds(import(young)), std::vector{OpKind::kSoftmax});
}

TEST(OnnxOps, WeightsMayBeConstantNodes) {
  OnnxModel model;
  model.input("x", {4, 2}).constant("w", {2, 3}, {1, 2, 3, 4, 5, 6});
  model.node("MatMul", {"x", "w"}, {"y"});
  const Graph graph = import(model, {});
  const Tensor& weight = graph[*graph.find("w")];
  EXPECT_EQ(weight.kind, TensorKind::kParameter);
  ASSERT_NE(weight.data, nullptr);
  EXPECT_EQ(*weight.data, (std::vector<double>{1, 2, 3, 4, 5, 6}));
  const Graph bare = import(model, {.weights = false});
  EXPECT_EQ(bare[*bare.find("w")].data, nullptr);
}

TEST(OnnxLosses, FollowTheRankOfTheOutput) {
  const auto loss_of = [](const Shape& shape) {
    OnnxModel model;
    model.input("x", shape).input("w", shape).node("Mul", {"x", "w"}, {"y"});
    const Graph graph = import(model, {});
    const Node& node = graph[*graph[graph.losses().at(0).tensor].producer];
    const bool entropy = node.kind == OpKind::kCrossEntropy;
    return std::pair(node.kind, entropy ? node.attributes.integer("axis") : -1);
  };
  EXPECT_EQ(loss_of({4, 10}), std::pair(OpKind::kCrossEntropy, std::int64_t{1}));
  EXPECT_EQ(loss_of({4, 10, 8, 8}), std::pair(OpKind::kCrossEntropy, std::int64_t{1}));
  EXPECT_EQ(loss_of({4, 16, 100}), std::pair(OpKind::kCrossEntropy, std::int64_t{2}));
  EXPECT_EQ(loss_of({4, 1}), std::pair(OpKind::kMeanSquaredError, std::int64_t{-1}));
}

TEST(OnnxLosses, SoftmaxBelongsToTheLoss) {
  for (const char* op : {"Softmax", "LogSoftmax"}) {
    OnnxModel model;
    model.input("x", {4, 10}).input("w", {10, 5}).node("MatMul", {"x", "w"}, {"z"});
    model.node(op, {"z"}, {"y"}).attribute("axis", std::int64_t{-1});
    const Graph graph = import(model, {});
    const Node& loss = graph[*graph[graph.losses()[0].tensor].producer];
    EXPECT_EQ(graph[*graph[loss.inputs[0]].producer].kind, OpKind::kLinear) << op;
  }
}

}  // namespace
}  // namespace rockmate
