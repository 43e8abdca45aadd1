#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <sstream>

#include "rockmate/error.h"
#include "rockmate/graph_builder.h"
#include "support/models.h"

namespace rockmate {
namespace {

using ::testing::HasSubstr;

TEST(GraphBuilder, CountsTheParametersOfPublishedModels) {
  EXPECT_EQ(testing::resnet(1, {.blocks = {2, 2, 2, 2}}).parameter_count(), 11689512);
  EXPECT_EQ(testing::resnet(1, {.blocks = {3, 4, 6, 3}, .bottleneck = true}).parameter_count(),
            25557032);
  EXPECT_EQ(testing::gpt(1, 8, {}).parameter_count(), 124439808);
  const testing::GptSize large{.layers = 36, .heads = 20, .features = 1280};
  EXPECT_EQ(testing::gpt(1, 8, large).parameter_count(), 774030080);
  EXPECT_EQ(testing::vision_transformer(1, {}).parameter_count(), 86567656);
  EXPECT_EQ(testing::unet(1, 32, 4, 64).parameter_count(), 31037698);
}

struct ShapeCase {
  std::string name;
  std::function<TensorId(GraphBuilder&, TensorId)> add;
  Shape input;
  Shape expected;
};

// Expected shapes are those that PyTorch 1.13 gives.
std::vector<ShapeCase> shape_cases() {
  using B = GraphBuilder;
  return {{"conv",
           [](B& b, TensorId x) { return b.conv(x, 64, {7}, {.stride = {2}, .padding = {3}}); },
           {8, 3, 224, 224},
           {8, 64, 112, 112}},
          {"conv_video",
           [](B& b, TensorId x) {
             return b.conv(x, 6, {3}, {.padding = {1}, .dilation = {1, 2, 1}});
           },
           {2, 3, 4, 9, 8},
           {2, 6, 4, 7, 8}},
          {"conv_transpose",
           [](B& b, TensorId x) {
             return b.conv_transpose(x, 4, {3},
                                     {.stride = {2}, .padding = {1}, .output_padding = {1}});
           },
           {1, 2, 5, 7},
           {1, 4, 10, 14}},
          {"max_pool",
           [](B& b, TensorId x) { return b.max_pool(x, {3}, {.stride = {2}, .padding = {1}}); },
           {1, 2, 112, 112},
           {1, 2, 56, 56}},
          {"max_pool_ceil",
           [](B& b, TensorId x) { return b.max_pool(x, {3}, {.stride = {2}, .ceil_mode = true}); },
           {1, 2, 28, 27},
           {1, 2, 14, 13}},
          {"ceil_drops_a_window_in_the_padding",
           [](B& b, TensorId x) {
             return b.max_pool(x, {2}, {.stride = {2}, .padding = {1}, .ceil_mode = true});
           },
           {1, 1, 3, 4},
           {1, 1, 2, 3}},
          {"adaptive",
           [](B& b, TensorId x) { return b.adaptive_average_pool(x, {7}); },
           {1, 4, 14, 7},
           {1, 4, 7, 7}},
          {"slice_negative",
           [](B& b, TensorId x) { return b.slice(x, -1, -3, 100, 2); },
           {2, 5},
           {2, 2}},
          {"slice_empty", [](B& b, TensorId x) { return b.slice(x, 0, 4, 2); }, {5}, {0}},
          {"reshape_rest",
           [](B& b, TensorId x) {
             return b.reshape(x, {-1, 6});
           },
           {3, 4},
           {2, 6}},
          {"flatten", [](B& b, TensorId x) { return b.flatten(x); }, {2, 3, 4}, {2, 12}},
          {"unsqueeze", [](B& b, TensorId x) { return b.unsqueeze(x, -1); }, {2}, {2, 1}},
          {"reduce",
           [](B& b, TensorId x) {
             return b.reduce_mean(x, {-1, 0});
           },
           {2, 3, 4},
           {3}},
          {"matmul",
           [](B& b, TensorId x) { return b.matmul(x, x, true, false); },
           {5, 2, 3},
           {5, 3, 3}},
          {"gather",
           [](B& b, TensorId x) {
             return b.gather(x, b.constant("i", {DType::kInt64, {2, 2}}, {0}), 1);
           },
           {7, 5, 3},
           {7, 2, 2, 3}}};
}

TEST(GraphBuilder, InfersShapes) {
  for (const ShapeCase& tested : shape_cases()) {
    GraphBuilder b("shapes");
    const TensorId x = b.input("x", tested.input);
    EXPECT_EQ(b.shape(tested.add(b, x)), tested.expected) << tested.name;
  }
}

struct Misuse {
  std::string message;
  std::function<void(GraphBuilder&, TensorId)> add;
};

// `x` is an image [2, 3, 8, 8].
std::vector<Misuse> misuses() {
  using B = GraphBuilder;
  return {
      {"op 'conv_1' (conv): 3 input channels do not divide into 2 groups",
       [](B& b, TensorId x) { b.conv(x, 4, {3}, {.groups = 2}); }},
      {"op 'conv_1' (conv): the window spans 9 elements of spatial axis 0, expected at most 8 "
       "(input [2, 3, 8, 8], padding included)",
       [](B& b, TensorId x) { b.conv(x, 4, {9}); }},
      {"op 'conv_1' (conv): strides has 3 numbers, expected 2",
       [](B& b, TensorId x) {
         b.conv(x, 4, {3}, {.stride = {1, 2, 3}});
       }},
      {"strides [0, 0]: expected numbers from 1 to 1048576",
       [](B& b, TensorId x) { b.conv(x, 4, {3}, {.stride = {0}}); }},
      {"pads [-1, -1, -1, -1]: expected numbers from 0",
       [](B& b, TensorId x) { b.conv(x, 4, {3}, {.padding = {-1}}); }},
      {"op 'head' (conv): input [2, 3, 8, 8] has 3 channels in 1 groups, weight [4, 5, 1, 1] "
       "expects 5 in each",
       [](B& b, TensorId x) {
         b.named("head").conv(x, b.parameter("w", {4, 5, 1, 1}), std::nullopt);
       }},
      {"output_padding is 2 on spatial axis 0, expected 0 <= it < stride 2",
       [](B& b, TensorId x) {
         b.conv_transpose(x, 2, {3}, {.stride = {2}, .output_padding = {2}});
       }},
      {"op 'linear_1' (linear): the input [2, 3, 8, 8] ends in 8 features, the weight [5, 7] "
       "expects 7",
       [](B& b, TensorId x) {
         b.linear(x, b.parameter("w", {5, 7}), std::nullopt);
       }},
      {"linear: input 's' has the shape [], expected at least 1 axes",
       [](B& b, TensorId) { b.linear(b.input("s", {}), 3); }},
      {"the inner extents are 8 and 5, expected equal ones",
       [](B& b, TensorId x) {
         b.matmul(x, b.parameter("w", {5, 2}));
       }},
      {"do not broadcast", [](B& b, TensorId x) { b.add(x, b.parameter("w", {5})); }},
      {"inputs 0 and 1 are float32 and int64, expected one dtype",
       [](B& b, TensorId x) { b.add(x, b.scalar(1, DType::kInt64)); }},
      {"input 0 is int64[], expected floating-point elements",
       [](B& b, TensorId) { b.gelu(b.scalar(1, DType::kInt64)); }},
      {"axis is 4, expected 0 <= axis < 4", [](B& b, TensorId x) { b.softmax(x, 4); }},
      {"axis is -1, expected 0 <= axis < 4", [](B& b, TensorId x) { b.softmax(x, -5); }},
      {"rate is 1, expected 0 <= rate < 1", [](B& b, TensorId x) { b.dropout(x, 1); }},
      {"the indices are float32, expected int64 or int32",
       [](B& b, TensorId x) { b.gather(x, x); }},
      {"part 1 has the shape [2, 3, 8, 7], expected [2, 3, 8, 8]",
       [](B& b, TensorId x) {
         b.concat({x, b.parameter("w", {2, 3, 8, 7})}, 1);
       }},
      {"concat: no parts", [](B& b, TensorId) { b.concat({}, 0); }},
      {"the sizes add up to 4, expected 3",
       [](B& b, TensorId x) {
         b.split(x, {2, 2}, 1);
       }},
      {"do not divide into 2 equal parts", [](B& b, TensorId x) { b.chunk(x, 2, 1); }},
      {"[2, 3, 8, 8] has 384 elements, [5, 5] has 25",
       [](B& b, TensorId x) {
         b.reshape(x, {5, 5});
       }},
      {"expected extents from 0",
       [](B& b, TensorId x) {
         b.reshape(x, {-1, -1});
       }},
      {"squeeze: axis 1 of 'x' [2, 3, 8, 8] has 3 elements",
       [](B& b, TensorId x) { b.squeeze(x, 1); }},
      {"expected each axis from 0 to 3 once",
       [](B& b, TensorId x) {
         b.transpose(x, {0, 1, 2, 2});
       }},
      {"does not expand to",
       [](B& b, TensorId x) {
         b.expand(x, {3, 8, 8});
       }},
      {"axes [1, 1]",
       [](B& b, TensorId x) {
         b.reduce_sum(x, {1, 1});
       }},
      {"do not divide into [3]", [](B& b, TensorId x) { b.adaptive_average_pool(x, {3}); }},
      {"the targets has the shape [2], expected [2, 8, 8]",
       [](B& b, TensorId x) { b.cross_entropy(x, b.input("t", {2}, DType::kInt64)); }},
      {"the targets are float32[2, 8, 8], expected int64",
       [](B& b, TensorId x) {
         b.cross_entropy(x, b.input("t", {2, 8, 8}));
       }},
      {"the loss 'x' is float32[2, 3, 8, 8], expected one", [](B& b, TensorId x) { b.loss(x); }},
      {"the name 'x' is taken", [](B& b, TensorId) { b.input("x", {1}); }},
      {"'x' is no parameter", [](B& b, TensorId x) { b.freeze(x); }},
      {"'w' is given 3 elements, expected 2 or 1",
       [](B& b, TensorId) {
         b.set_data(b.parameter("w", {2}), {1, 2, 3});
       }},
      {"only sources take data", [](B& b, TensorId x) { b.set_data(b.relu(x), {1}); }},
      {"more than 2^63 - 1",
       [](B& b, TensorId) {
         b.input("big", {1LL << 40, 1LL << 40});
       }},
      {"op 'expand_1' (expand): float32[1099511627776, 65536]: more than 72057594037927936 bytes",
       [](B& b, TensorId x) {
         b.expand(b.reduce_sum(x), {kLargestExtent, 65536});
       }},
      {"op 'relu_1' (relu): 2 inputs, expected 1",
       [](B& b, TensorId x) {
         b.node(OpKind::kRelu, {x, x});
       }},
      {"op 'softmax_1' (softmax): attribute 'axis' is missing",
       [](B& b, TensorId x) { b.node(OpKind::kSoftmax, {x}); }},
      {"attribute 'axis' is of the wrong type; expected a whole number",
       [](B& b, TensorId x) {
         b.node(OpKind::kSoftmax, {x}, {{"axis", 1.5}});
       }},
      {"tensor 99 of 1 is of another builder", [](B& b, TensorId) { b.relu(TensorId(99)); }},
      {"tensor 99 of 1 is of another builder", [](B& b, TensorId) { b.softmax(TensorId(99)); }},
      {"groups", [](B& b, TensorId x) { b.group_norm(x, 2); }},
      {"groups is 0",
       [](B& b, TensorId x) {
         b.conv(x, b.parameter("w", {1, 3, 1, 1}), {}, {.groups = 0});
       }},
      {"strides [1073741824, 1]",
       [](B& b, TensorId x) {
         b.conv(x, 1, {1}, {.stride = {1 << 30, 1}});
       }},
      {"do not lie within its 8 elements",
       [](B& b, TensorId x) {
         const std::int64_t huge = std::numeric_limits<std::int64_t>::max();
         b.node(OpKind::kSlice, {x},
                {{"starts", Extents{0, 0, 1, 0}},
                 {"sizes", Extents{2, 3, huge, 8}},
                 {"steps", Extents{1, 1, huge, 1}}});
       }},
      {"is padded by",
       [](B& b, TensorId x) {
         const std::int64_t huge = std::numeric_limits<std::int64_t>::max();
         b.pad(x, {0, 0, 0, huge}, {0, 0, 0, huge});
       }},
      {"mode is 'cubic'",
       [](B& b, TensorId x) {
         b.node(OpKind::kResize, {x}, {{"size", Extents{4, 4}}, {"mode", std::string("cubic")}});
       }},
  };
}

TEST(GraphBuilder, RejectsMisuseInOneLine) {
  for (const Misuse& misuse : misuses()) {
    GraphBuilder b("misuse");
    const TensorId x = b.input("x", {2, 3, 8, 8});
    try {
      misuse.add(b, x);
      ADD_FAILURE() << "accepted: " << misuse.message;
    } catch (const InvalidInput& error) {
      EXPECT_THAT(error.what(), HasSubstr(misuse.message));
      EXPECT_THAT(error.what(), ::testing::Not(HasSubstr("\n")));
    }
  }
}

TEST(GraphBuilder, NamesAreUniqueAndFollowScopes) {
  GraphBuilder b("names");
  const TensorId x = b.input("x", {2, 4});
  EXPECT_EQ(b[b.relu(x)].name, "relu_1");
  EXPECT_EQ(b[b.relu(x)].name, "relu_2");
  {
    const auto outer = b.scope("block");
    const auto inner = b.scope("mlp");
    EXPECT_EQ(b[b.linear(x, 3)].name, "block.mlp.linear_1");
    EXPECT_EQ(b[b.named("fc").relu(x)].name, "block.mlp.fc");
  }
  EXPECT_EQ(b[b.named("fc").relu(x)].name, "fc");
  EXPECT_EQ(b[b.named("fc").linear(x, 3)].name, "fc_1");
  const Graph graph = std::move(b).build();
  EXPECT_TRUE(graph.find("block.mlp.linear_1.weight"));
  EXPECT_TRUE(graph.find("fc_1.bias"));
  EXPECT_FALSE(graph.find("nothing"));
}

TEST(GraphBuilder, AFailedLayerLeavesNoNameBehind) {
  GraphBuilder b("names");
  const TensorId x = b.input("x", {2, 3, 4, 4});
  EXPECT_THROW(b.conv(x, 4, {9}), InvalidInput);
  EXPECT_THROW(b.linear(b.scalar(1), 4), InvalidInput);
  EXPECT_EQ(b[b.relu(x)].name, "relu_1");
}

TEST(GraphBuilder, GoesOnWithAGraph) {
  GraphBuilder first("model");
  first.dropout(first.input("x", {4}), 0.5);
  GraphBuilder second(std::move(first).build());
  const TensorId y = second.dropout(TensorId(1), 0.5);
  const Graph graph = std::move(second).build();
  EXPECT_EQ(graph[y].name, "dropout_1_1");
  EXPECT_EQ(graph[*graph[y].producer].attributes.integer("stream"), 1);
}

TEST(GraphBuilder, DumpsOneLinePerNode) {
  std::ostringstream text;
  text << testing::mlp(2, 3, 1);
  EXPECT_EQ(text.str(),
            "model mlp: 4 nodes, 12 tensors, 52 parameters\n"
            "  linear_1 = linear(x, linear_1.weight, linear_1.bias) -> float32[2, 3]\n"
            "  relu_1 = relu(linear_1) -> float32[2, 3] bit[2, 3]\n"
            "  linear_2 = linear(relu_1, linear_2.weight, linear_2.bias) -> float32[2, 10]\n"
            "  cross_entropy_1 = cross_entropy(linear_2, target) -> float32[] float32[2]\n");
}

}  // namespace
}  // namespace rockmate
