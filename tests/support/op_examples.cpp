#include "support/op_examples.h"

#include <random>

#include "support/op_example_parts.h"

namespace rockmate::testing {
namespace {

Add conv(const Shape& x, std::int64_t channels, Extents kernel, ConvOptions options) {
  return
      [=](GraphBuilder& b) -> Ids { return {b.conv(param(b, "x", x), channels, kernel, options)}; };
}

Add conv_transpose(const Shape& x, std::int64_t channels, Extents kernel, ConvOptions options) {
  return [=](GraphBuilder& b) -> Ids {
    return {b.conv_transpose(param(b, "x", x), channels, kernel, options)};
  };
}

Add matmul(const Shape& a, const Shape& c, bool ta, bool tb) {
  return [=](GraphBuilder& b) -> Ids {
    return {b.matmul(param(b, "a", a), param(b, "c", c), ta, tb)};
  };
}

Add max_pool(const Shape& x, Extents kernel, PoolOptions options) {
  return [=](GraphBuilder& b) -> Ids { return {b.max_pool(param(b, "x", x), kernel, options)}; };
}

Add average_pool(const Shape& x, Extents kernel, PoolOptions options) {
  return
      [=](GraphBuilder& b) -> Ids { return {b.average_pool(param(b, "x", x), kernel, options)}; };
}

Add resize(ResizeMode mode, bool align, Extents size) {
  return [=](GraphBuilder& b) -> Ids {
    return {b.resize(param(b, "x", {2, 2, 3, 4}), size, mode, align)};
  };
}

Ids random_scale(GraphBuilder& b, TensorId x) {
  // Initial ones and zeros would hide mistakes.
  return {param(b, "scale", {b.shape(x)[1]}, 0.5, 1.5), param(b, "bias", {b.shape(x)[1]})};
}

void add_products(std::vector<OpExample>& list) {
  using enum OpKind;
  list.push_back({"plain", kConv, conv({2, 3, 5, 4}, 4, {3}, {.padding = {1}})});
  list.push_back({"grouped", kConv,
                  conv({1, 4, 5, 5}, 6, {3, 2}, {.stride = {2}, .groups = 2, .bias = false})});
  list.push_back({"dilated_uneven", kConv,
                  conv({1, 2, 8, 7}, 2, {2, 3},
                       {.stride = {3, 2}, .padding = {0, 1, 2, 1}, .dilation = {2, 1}})});
  list.push_back({"video", kConv, conv({1, 2, 3, 4, 3}, 2, {2, 3, 1}, {.padding = {1, 1, 0}})});
  list.push_back({"audio", kConv, conv({2, 2, 7}, 3, {3}, {.stride = {2}})});
  list.push_back({"plain", kConvTranspose, conv_transpose({1, 3, 3, 2}, 2, {2}, {.stride = {2}})});
  list.push_back(
      {"grouped", kConvTranspose,
       conv_transpose(
           {1, 4, 3, 3}, 6, {3},
           {.stride = {2}, .padding = {1}, .groups = 2, .bias = false, .output_padding = {1, 0}})});
  list.push_back({"batch", kLinear, [](GraphBuilder& b) -> Ids {
                    return {b.linear(param(b, "x", {2, 3, 4}), 5)};
                  }});
  list.push_back({"few_rows", kLinear, [](GraphBuilder& b) -> Ids {
                    return {b.linear(param(b, "x", {3, 37}), 11)};
                  }});
  list.push_back(
      {"untransposed", kLinear, [](GraphBuilder& b) -> Ids {
         return {b.linear(param(b, "x", {3, 4}), param(b, "w", {4, 2}), std::nullopt, false)};
       }});
  list.push_back({"vector", kLinear,
                  [](GraphBuilder& b) -> Ids { return {b.linear(param(b, "x", {4}), 3)}; }});
  list.push_back({"tied", kLinear, [](GraphBuilder& b) -> Ids {
                    const TensorId w = param(b, "w", {4, 4});
                    const TensorId x = param(b, "x", {2, 4});
                    return {b.linear(b.linear(x, w, std::nullopt), w, std::nullopt)};
                  }});
  list.push_back({"plain", kMatMul, matmul({2, 3, 4}, {2, 4, 2}, false, false)});
  list.push_back({"a_transposed", kMatMul, matmul({2, 4, 3}, {2, 4, 2}, true, false)});
  list.push_back({"b_transposed", kMatMul, matmul({3, 4}, {2, 4}, false, true)});
  list.push_back({"broadcast", kMatMul, matmul({2, 1, 4, 3}, {5, 2, 4}, true, true)});
  list.push_back({"three_readers", kMatMul, [](GraphBuilder& b) -> Ids {
                    const TensorId x = b.tanh(param(b, "x", {3, 3}));
                    return {b.matmul(b.matmul(x, x), x, true, true), x};
                  }});
}

void add_norms(std::vector<OpExample>& list) {
  using enum OpKind;
  list.push_back({"image", kBatchNorm, [](GraphBuilder& b) -> Ids {
                    const TensorId x = param(b, "x", {3, 2, 2, 2});
                    const Ids affine = random_scale(b, x);
                    return {b.batch_norm(x, {affine[0], affine[1], b.statistics("mean", {2}),
                                             b.statistics("variance", {2}, 1)})};
                  }});
  list.push_back({"layer", kBatchNorm, [](GraphBuilder& b) -> Ids {
                    return {b.batch_norm(param(b, "x", {4, 3}))};
                  }});
  list.push_back({"layer", kLayerNorm, [](GraphBuilder& b) -> Ids {
                    return {b.layer_norm(param(b, "x", {2, 3, 4}))};
                  }});
  list.push_back({"two_axes", kLayerNorm, [](GraphBuilder& b) -> Ids {
                    return {b.layer_norm(param(b, "x", {2, 3, 4}), param(b, "scale", {3, 4}),
                                         param(b, "bias", {3, 4}), 1)};
                  }});
  list.push_back({"bare", kLayerNorm, [](GraphBuilder& b) -> Ids {
                    return {b.node(kLayerNorm, {param(b, "x", {2, 4})},
                                   {{"axis", std::int64_t{1}}, {"epsilon", 1e-5}})[0]};
                  }});
  list.push_back({"groups", kGroupNorm, [](GraphBuilder& b) -> Ids {
                    const TensorId x = param(b, "x", {2, 4, 3});
                    const Ids affine = random_scale(b, x);
                    return {b.group_norm(x, affine[0], affine[1], 2)};
                  }});
  list.push_back({"instance", kGroupNorm, [](GraphBuilder& b) -> Ids {
                    return {b.instance_norm(param(b, "x", {2, 2, 3, 2}))};
                  }});
  list.push_back({"inner_axis", kSoftmax, [](GraphBuilder& b) -> Ids {
                    return {b.softmax(param(b, "x", {2, 3, 2}), 1)};
                  }});
  list.push_back({"last_axis", kLogSoftmax, [](GraphBuilder& b) -> Ids {
                    return {b.log_softmax(param(b, "x", {2, 3}))};
                  }});
}

void add_pools(std::vector<OpExample>& list) {
  using enum OpKind;
  list.push_back({"plain", kMaxPool, max_pool({2, 2, 4, 4}, {2}, {})});
  list.push_back(
      {"overlapping", kMaxPool,
       max_pool({1, 2, 5, 6}, {3, 2}, {.stride = {2, 1}, .padding = {1, 0}, .ceil_mode = true})});
  list.push_back({"dilated", kMaxPool, max_pool({1, 1, 7}, {3}, {.stride = {1}, .dilation = {2}})});
  list.push_back({"large_window", kMaxPool, max_pool({1, 1, 17, 18}, {17}, {.stride = {1}})});
  list.push_back({"plain", kAveragePool, average_pool({2, 2, 4, 4}, {2}, {})});
  list.push_back(
      {"ceil", kAveragePool,
       average_pool({1, 2, 5, 6}, {3, 2}, {.stride = {2}, .padding = {1, 0}, .ceil_mode = true})});
  list.push_back(
      {"padding_not_counted", kAveragePool,
       average_pool({1, 1, 5}, {3}, {.stride = {2}, .padding = {1}, .count_include_pad = false})});
  list.push_back({"adaptive", kAveragePool, [](GraphBuilder& b) -> Ids {
                    return {b.adaptive_average_pool(param(b, "x", {1, 2, 4, 6}), {2, 3})};
                  }});
  list.push_back({"nearest_up", kResize, resize(ResizeMode::kNearest, false, {6, 7})});
  list.push_back({"nearest_down", kResize, resize(ResizeMode::kNearest, false, {2, 2})});
  list.push_back({"linear_up", kResize, resize(ResizeMode::kLinear, false, {6, 5})});
  list.push_back({"linear_corners", kResize, resize(ResizeMode::kLinear, true, {5, 1})});
}

void add_activations(std::vector<OpExample>& list) {
  using enum OpKind;
  using B = GraphBuilder;
  const auto with = [](auto method) {
    return [method](B& b) -> Ids { return {method(b, param(b, "x", {3, 7}, -5, 8))}; };
  };
  // The output is read by a product, so its gradient is told by the output; alone, by a mask.
  list.push_back({"from_mask", kRelu, unary(&B::relu)});
  list.push_back({"from_output", kRelu, [](B& b) -> Ids {
                    const TensorId y = b.relu(param(b, "x", {2, 4}));
                    return {b.mul(y, y)};
                  }});
  list.push_back({"from_mask", kClip, with([](B& b, TensorId x) { return b.relu6(x); })});
  list.push_back({"from_output", kClip, with([](B& b, TensorId x) {
                    const TensorId y = b.clip(x, -1, 4);
                    return b.mul(y, y);
                  })});
  list.push_back(
      {"from_mask", kLeakyRelu, with([](B& b, TensorId x) { return b.leaky_relu(x, 0.2); })});
  list.push_back({"from_output", kLeakyRelu, with([](B& b, TensorId x) {
                    const TensorId y = b.leaky_relu(x, 0.2);
                    return b.mul(y, y);
                  })});
  list.push_back({"", kElu, with([](B& b, TensorId x) { return b.elu(x, 1.3); })});
  list.push_back({"erf", kGelu, with([](B& b, TensorId x) { return b.gelu(x); })});
  list.push_back({"tanh", kGelu, with([](B& b, TensorId x) { return b.gelu(x, true); })});
  list.push_back({"", kSigmoid, unary(&B::sigmoid)});
  list.push_back({"", kTanh, unary(&B::tanh)});
  list.push_back({"", kHardSigmoid, with([](B& b, TensorId x) { return b.hard_sigmoid(x); })});
  list.push_back({"", kHardSwish, with([](B& b, TensorId x) { return b.hard_swish(x); })});
  list.push_back({"", kSilu, unary(&B::silu)});
  list.push_back({"", kSoftplus, unary(&B::softplus)});
  list.push_back({"", kDropout, with([](B& b, TensorId x) { return b.dropout(x, 0.4); })});
  list.push_back({"two_streams", kDropout, with([](B& b, TensorId x) {
                    return b.add(b.dropout(x, 0.5), b.dropout(x, 0.5));
                  })});
  list.push_back(
      {"negates", kDropout, with([](B& b, TensorId x) {
         const Attributes how = {{"rate", 0.4}, {"stream", std::int64_t{3}}, {"negates", true}};
         return b.node(kDropout, {x}, how).front();
       })});
}

void add_losses(std::vector<OpExample>& list) {
  using enum OpKind;
  using B = GraphBuilder;
  list.push_back({"classes", kCrossEntropy, [](B& b) -> Ids {
                    return {b.cross_entropy(param(b, "x", {3, 4}), whole(b, "t", {3}, {1, 3, 0}))};
                  }});
  list.push_back({"pixels", kCrossEntropy, [](B& b) -> Ids {
                    const TensorId t = whole(b, "t", {2, 1, 2}, {1, 255, 0, 2});
                    return {b.cross_entropy(param(b, "x", {2, 3, 1, 2}), t, 1, 255)};
                  }});
  list.push_back({"tokens", kCrossEntropy, [](B& b) -> Ids {
                    const TensorId t = whole(b, "t", {1, 3}, {1, 1, 0});
                    return {b.cross_entropy(param(b, "x", {1, 3, 2}), t, -1)};
                  }});
  list.push_back({"both", kMeanSquaredError, [](B& b) -> Ids {
                    return {b.mse(param(b, "x", {2, 3}), param(b, "t", {2, 3}))};
                  }});
  list.push_back({"", kBinaryCrossEntropy, [](B& b) -> Ids {
                    const TensorId t = b.constant("t", {DType::kFloat32, {4}}, {0, 1, 0.3, 1});
                    return {b.binary_cross_entropy(param(b, "x", {4}), t)};
                  }});
}

// Ops that fusion makes have no gradient: they scale a parameter here.
void add_fused(std::vector<OpExample>& list) {
  using enum OpKind;
  const Shape shape = {2, 3, 2, 2};
  const auto image = [=](GraphBuilder& b) {
    return b.constant("x", {DType::kFloat32, shape}, draw(shape, -2, 2, 5));
  };
  const auto channels = [](GraphBuilder& b, const std::string& name) {
    return b.constant(name, {DType::kFloat32, {3}},
                      draw({3}, 0.5, 2, std::hash<std::string>()(name)));
  };
  list.push_back({"", kBatchNormStatistics, [=](GraphBuilder& b) -> Ids {
                    const auto made = b.node(kBatchNormStatistics, {image(b)}, {{"epsilon", 1e-3}});
                    const TensorId w = param(b, "w", {3});
                    return {b.mul(w, b.mul(made[0], made[1]))};
                  }});
  for (const bool is_affine : {false, true}) {
    list.push_back({is_affine ? "affine" : "plain", kBatchNormApply, [=](GraphBuilder& b) -> Ids {
                      Ids inputs = {image(b), channels(b, "mean"), channels(b, "variance")};
                      if (is_affine) inputs.push_back(channels(b, "scale"));
                      if (is_affine) inputs.push_back(channels(b, "bias"));
                      const auto y = b.node(kBatchNormApply, inputs, {{"epsilon", 1e-3}});
                      return {b.mul(param(b, "w", {2}), y.front())};
                    }});
  }
  // Slots that host others, a mask that may be left out, a temporary, an operand read twice.
  list.push_back({"", kFused, [=](GraphBuilder& b) -> Ids {
                    const TensorType type{DType::kFloat32, shape};
                    auto parts = std::make_shared<FusedParts>();
                    parts->inputs = 2;
                    parts->parts = {{kScale, {{"factor", 1.5}, {"offset", 0.5}}, {0}, {type}},
                                    {kSub, {}, {2, 1}, {type}},
                                    {kRelu, {}, {3}, {type, {DType::kBit, shape}}},
                                    {kReduceSum, {{"axes", Shape{1}}, {"keep", true}}, {4}, {}},
                                    {kMul, {}, {6, 2}, {type}}};
                    parts->parts[3].outputs = {{DType::kFloat32, {2, 1, 2, 2}}};
                    parts->outputs = {7, 4, 5};
                    parts->optional = {2};
                    const auto made =
                        b.node(kFused, {image(b), b.constant("z", type, draw(shape, -2, 2, 6))},
                               {{"parts", std::shared_ptr<const FusedParts>(std::move(parts))}});
                    return {b.mul(param(b, "w", {2}), b.mul(made[0], made[1]))};
                  }});
}

}  // namespace

void PrintTo(const OpExample& example, std::ostream* out) {
  *out << to_string(example.kind) << " " << example.name;
}

const std::vector<OpExample>& op_examples() {
  static const std::vector<OpExample> examples = [] {
    std::vector<OpExample> list;
    add_products(list);
    add_norms(list);
    add_pools(list);
    add_activations(list);
    add_tensor_examples(list);
    add_losses(list);
    add_fused(list);
    return list;
  }();
  return examples;
}

Graph example_model(const OpExample& example) {
  GraphBuilder b(std::string(to_string(example.kind)) + "_" + example.name);
  std::uint64_t seed = 1;
  for (const TensorId result : example.add(b)) {
    const Shape& shape = b.shape(result);
    const TensorId weights = b.constant("weights_" + std::to_string(seed),
                                        {b[result].type.dtype, shape}, draw(shape, 0.5, 1.5, seed));
    b.loss(b.reduce_sum(b.mul(result, weights)), seed == 1 ? 1.0 : 0.3);
    ++seed;
  }
  return std::move(b).build();
}

}  // namespace rockmate::testing
