// What exporters take apart is put together again, and only that.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "graph/patterns/patterns.h"
#include "rockmate/executor.h"
#include "rockmate/graph_builder.h"
#include "support/training_run.h"

namespace rockmate {
namespace {

using Build = TensorId (*)(GraphBuilder& b, TensorId x);

std::vector<OpKind> simplified(const std::function<TensorId(GraphBuilder&, TensorId)>& build) {
  GraphBuilder b("model");
  b.output(build(b, b.input("x", {4, 8})));
  const Graph graph = simplify(std::move(b).build());
  std::vector<OpKind> kinds;
  for (const Node& node : graph.nodes()) kinds.push_back(node.kind);
  return kinds;
}

TEST(Activations, AreRecognisedHoweverTheyAreWritten) {
  const std::vector<Build> gelus = {
      [](GraphBuilder& b, TensorId x) {
        const TensorId e = b.scale(b.erf(b.scale(x, 1 / std::sqrt(2.0))), 1, 1);
        return b.scale(b.mul(x, e), 0.5);
      },
      [](GraphBuilder& b, TensorId x) {
        const TensorId e = b.scale(b.erf(b.scale(x, 0.70710678)), 0.5, 0.5);
        return b.mul(e, x);
      },
      [](GraphBuilder& b, TensorId x) {
        const TensorId cube = b.scale(b.pow(x, 3), 0.044715);
        const TensorId t = b.tanh(b.scale(b.add(x, cube), 0.7978845608));
        return b.mul(b.scale(x, 0.5), b.scale(t, 1, 1));
      },
      [](GraphBuilder& b, TensorId x) {
        const TensorId square = b.scale(b.mul(x, x), 0.044715, 1);
        const TensorId t = b.tanh(b.mul(b.scale(x, 0.7978845608), square));
        return b.scale(b.add(x, b.mul(x, t)), 0.5);
      }};
  for (const Build gelu : gelus) EXPECT_EQ(simplified(gelu), std::vector{OpKind::kGelu});
  EXPECT_EQ(simplified([](GraphBuilder& b, TensorId x) { return b.mul(x, b.sigmoid(x)); }),
            std::vector{OpKind::kSilu});
  EXPECT_EQ(simplified([](GraphBuilder& b, TensorId x) {
              return b.scale(b.mul(x, b.clip(b.scale(x, 1, 3), 0, 6)), 1.0 / 6);
            }),
            std::vector{OpKind::kHardSwish});
  EXPECT_EQ(simplified([](GraphBuilder& b, TensorId x) { return b.log(b.scale(b.exp(x), 1, 1)); }),
            std::vector{OpKind::kSoftplus});
}

using Sides = std::vector<std::int64_t>;

TensorId pooled(GraphBuilder& b, TensorId x, const Sides& after, double value,
                const PoolOptions& options = {.stride = {1}}) {
  const TensorId image = b.reshape(x, {2, 1, 4, 4});
  return b.average_pool(b.pad(image, {0, 0, 1, 2}, after, value), {3}, options);
}

TEST(Paddings, OfAveragePoolingsAreTheirOwn) {
  using enum OpKind;
  const auto kinds = [](const Sides& after, double value, const PoolOptions& options) {
    return simplified(
        [&](GraphBuilder& b, TensorId x) { return pooled(b, x, after, value, options); });
  };
  const PoolOptions plain{.stride = {1}};
  const std::vector stays = {kReshape, kPad, kAveragePool};
  EXPECT_EQ(kinds({0, 0, 0, 1}, 0, plain), (std::vector{kReshape, kAveragePool}));
  EXPECT_EQ(kinds({0, 0, 0, 1}, 1, plain), stays);
  EXPECT_EQ(kinds({0, 0, 3, 0}, 0, plain), stays);
  EXPECT_EQ(kinds({0, 1, 0, 0}, 0, plain), stays);
  EXPECT_EQ(kinds({0, 0, -1, 0}, 0, plain), stays);
  EXPECT_EQ(kinds({0, 0, 0, 0}, 0, {.stride = {1}, .padding = {1}}), stays);
  EXPECT_EQ(kinds({0, 0, 0, 0}, 0, {.stride = {2}, .ceil_mode = true}), stays);
}

// Whether padding is counted or not: there was none.
TEST(Paddings, OfAveragePoolingsAreCounted) {
  for (const bool counts : {false, true}) {
    GraphBuilder b("model");
    b.output(pooled(b, b.parameter("x", {4, 8}, {Fill::Kind::kUniform, 1}), {0, 0, 2, 1}, 0,
                    {.stride = {2}, .count_include_pad = counts}));
    const Graph given = std::move(b).build();
    const auto outputs = [](const Graph& graph) {
      const TrainingModel model = make_inference_model(graph);
      Executor executor(model, testing::plain_plan(model), {.engine = "reference", .seed = 5});
      static_cast<void>(executor.step());
      const auto bytes = executor.bytes(model.graph[model.outputs.front()].name);
      return std::vector<std::byte>(bytes.begin(), bytes.end());
    };
    EXPECT_EQ(outputs(simplify(given)), outputs(given));
  }
}

TEST(Slices, ThatMakeUpAnAxisAreOneSplit) {
  using enum OpKind;
  const auto later_first = [](GraphBuilder& b, TensorId x) {
    const TensorId right = b.slice(x, 1, 5, 8);
    return b.concat({right, b.slice(x, 1, 0, 5)}, 1);
  };
  EXPECT_EQ(simplified(later_first), (std::vector{kSplit, kConcat}));
  const auto two_axes = [](GraphBuilder& b, TensorId x) {
    const TensorId rows = b.add(b.slice(x, 0, 0, 2), b.slice(x, 0, 2, 4));
    return b.add(b.slice(rows, 1, 0, 4), b.slice(rows, 1, 4, 8));
  };
  EXPECT_EQ(simplified(two_axes), (std::vector{kSplit, kAdd, kSplit, kAdd}));
  const auto parts = [](GraphBuilder& b, TensorId x, std::int64_t end, std::int64_t begin) {
    return b.concat({b.slice(x, 1, 0, end), b.slice(x, 1, begin, 8)}, 1);
  };
  const std::vector stays = {kSlice, kSlice, kConcat};
  EXPECT_EQ(simplified([&](GraphBuilder& b, TensorId x) { return parts(b, x, 4, 5); }), stays);
  EXPECT_EQ(simplified([&](GraphBuilder& b, TensorId x) { return parts(b, x, 5, 4); }), stays);
  EXPECT_EQ(simplified([](GraphBuilder& b, TensorId x) {
              return b.add(b.slice(x, 1, 0, 8, 2), b.slice(x, 1, 1, 8, 2));
            }),
            (std::vector{kSlice, kSlice, kAdd}));
}

TEST(Activations, OthersStayAsTheyAre) {
  // QuickGELU: near to GELU, but not GELU.
  const auto quick = [](GraphBuilder& b, TensorId x) {
    return b.mul(x, b.sigmoid(b.scale(x, 1.702)));
  };
  EXPECT_EQ(simplified(quick), (std::vector{OpKind::kScale, OpKind::kSigmoid, OpKind::kMul}));
  // What lies between is read by others as well: nothing would be saved.
  const auto shared = [](GraphBuilder& b, TensorId x) {
    const TensorId gate = b.sigmoid(x);
    b.output(gate);
    return b.mul(x, gate);
  };
  EXPECT_EQ(simplified(shared), (std::vector{OpKind::kSigmoid, OpKind::kMul}));
}

TensorId layer_norm(GraphBuilder& b, TensorId x, bool squares_by_product) {
  const TensorId d = b.sub(x, b.reduce_mean(x, {-1}, true));
  const TensorId square = squares_by_product ? b.mul(d, d) : b.pow(d, 2);
  const TensorId variance = b.reduce_mean(square, {-1}, true);
  return b.div(d, b.sqrt(b.scale(variance, 1, 1e-5)));
}

TEST(LayerNorms, AreRecognisedWithAndWithoutParameters) {
  EXPECT_EQ(simplified([](GraphBuilder& b, TensorId x) { return layer_norm(b, x, true); }),
            std::vector{OpKind::kLayerNorm});
  const auto affine = [](GraphBuilder& b, TensorId x) {
    const TensorId y = layer_norm(b, x, false);
    return b.add(b.mul(y, b.parameter("scale", {8})), b.parameter("bias", {8}));
  };
  EXPECT_EQ(simplified(affine), std::vector{OpKind::kLayerNorm});
  const auto other_mean = [](GraphBuilder& b, TensorId x) {
    const TensorId d = b.sub(x, b.reduce_mean(x, {0}, true));
    const TensorId variance = b.reduce_mean(b.mul(d, d), {-1}, true);
    return b.div(d, b.sqrt(b.scale(variance, 1, 1e-5)));
  };
  EXPECT_EQ(simplified(other_mean).size(), 7U);
}

TEST(Linear, TakesItsBiasAndItsTranspose) {
  const auto build = [](GraphBuilder& b, TensorId x) {
    const TensorId w = b.transpose(b.parameter("w", {3, 8}), {1, 0});
    return b.add(b.linear(x, w, std::nullopt, false), b.parameter("b", {3}));
  };
  GraphBuilder b("model");
  b.output(build(b, b.input("x", {4, 8})));
  const Graph graph = simplify(std::move(b).build());
  ASSERT_EQ(graph.nodes().size(), 1U);
  EXPECT_EQ(graph[NodeId(0)].inputs.size(), 3U);
  EXPECT_TRUE(graph[NodeId(0)].attributes.flag("transpose_weight"));
}

TEST(Unused, NodesAndSourcesAreDropped) {
  GraphBuilder b("model");
  const TensorId x = b.input("x", {4, 8});
  static_cast<void>(b.relu(b.linear(x, 16)));
  b.output(b.tanh(x));
  const Graph graph = drop_unused(std::move(b).build());
  EXPECT_EQ(graph.nodes().size(), 1U);
  EXPECT_EQ(graph.parameter_count(), 0);
}

}  // namespace
}  // namespace rockmate
