#include "support/fused_examples.h"

#include <fmt/format.h>

#include <random>

namespace rockmate::testing {
namespace {

using Ids = std::vector<TensorId>;

TensorId param(GraphBuilder& b, const std::string& name, const Shape& shape) {
  std::mt19937_64 random(std::hash<std::string>()(name));
  std::uniform_real_distribution<double> uniform(-2, 2);
  std::vector<double> data(static_cast<std::size_t>(element_count(shape)));
  for (double& element : data) element = uniform(random);
  const TensorId id = b.parameter(name, shape);
  b.set_data(id, data);
  return id;
}

TensorId image(GraphBuilder& b, const std::string& name = "x") {
  return param(b, name, {2, 3, 5, 4});
}

// A normalised image; scale and bias are no ones and zeros.
TensorId normal(GraphBuilder& b, TensorId x) {
  const std::string name = b[x].name + ".norm";
  const std::int64_t channels = b.shape(x)[1];
  return b.batch_norm(
      x,
      {param(b, name + ".scale", {channels}), param(b, name + ".bias", {channels}),
       b.statistics(name + ".mean", {channels}), b.statistics(name + ".variance", {channels}, 1)});
}

// A network that goes on, so that what comes before is not read by the loss alone.
TensorId head(GraphBuilder& b, TensorId x) {
  return b.conv(x, 2, {3}, {.padding = {1}, .bias = false});
}

void add_convolutional(std::vector<OpExample>& list) {
  const auto add = [&](const std::string& name, auto body) {
    list.push_back({name, OpKind::kFused, body});
  };
  add("batch_norm_relu", [](GraphBuilder& b) -> Ids {
    return {head(b, b.relu(normal(b, b.conv(image(b), 3, {3}, {.padding = {1}, .bias = false}))))};
  });
  add("batch_norm_relu6", [](GraphBuilder& b) -> Ids {
    return {head(b, b.relu6(normal(b, b.conv(image(b), 3, {3}, {.padding = {1}, .bias = false}))))};
  });
  add("batch_norm_hard_swish", [](GraphBuilder& b) -> Ids {
    return {head(
        b, b.hard_swish(normal(b, b.conv(image(b), 3, {3}, {.padding = {1}, .bias = false}))))};
  });
  add("batch_norm_silu_pool", [](GraphBuilder& b) -> Ids {
    return {b.max_pool(b.silu(normal(b, b.conv(image(b), 3, {3}, {.padding = {1}, .bias = false}))),
                       {2})};
  });
  add("batch_norm_add_relu", [](GraphBuilder& b) -> Ids {
    const TensorId x = b.relu(head(b, image(b)));
    const TensorId y =
        b.relu(b.add(normal(b, b.conv(x, 2, {3}, {.padding = {1}, .bias = false})), x));
    return {head(b, y)};
  });
  add("two_batch_norms_add_relu", [](GraphBuilder& b) -> Ids {
    const TensorId x = image(b);
    const TensorId a = normal(b, b.conv(x, 3, {3}, {.bias = false}));
    return {head(b, b.relu(b.add(a, normal(b, b.conv(x, 3, {3}, {.bias = false})))))};
  });
  add("conv_relu", [](GraphBuilder& b) -> Ids { return {head(b, b.relu(head(b, image(b))))}; });
  add("dense_block", [](GraphBuilder& b) -> Ids {
    const TensorId x = image(b);
    const TensorId y = head(b, b.relu(normal(b, x)));
    return {head(b, b.relu(normal(b, b.concat({x, y}, 1))))};
  });
}

void add_sequential(std::vector<OpExample>& list) {
  const auto add = [&](const std::string& name, auto body) {
    list.push_back({name, OpKind::kFused, body});
  };
  add("bias_gelu", [](GraphBuilder& b) -> Ids {
    const TensorId h = b.matmul(param(b, "x", {32, 4}), param(b, "w", {4, 6}));
    return {b.linear(b.gelu(b.add(h, param(b, "bias", {6})), true), 3)};
  });
  add("linear_relu", [](GraphBuilder& b) -> Ids {
    return {b.linear(b.relu(b.linear(param(b, "x", {5, 7}), 9)), 3)};
  });
  add("long_linear_relu6", [](GraphBuilder& b) -> Ids {  // rows of more than a register's share
    return {b.linear(b.relu6(b.linear(param(b, "x", {3, 70}), 6)), 3)};
  });
  add("linear_dropout_residual", [](GraphBuilder& b) -> Ids {
    const TensorId x = param(b, "x", {2, 3, 8});
    const TensorId y = b.add(x, b.dropout(b.linear(x, 8), 0.4));
    return {b.linear(b.layer_norm(y), 3), y};
  });
  const auto dropped_attention = [](GraphBuilder& b) {
    const TensorId q = param(b, "q", {2, 4, 3});
    const TensorId k = param(b, "k", {2, 4, 3});
    const TensorId scores = b.scale(b.matmul(q, k, false, true), 0.6);
    const TensorId ones = b.constant("ones", {DType::kFloat32, {4, 4}}, std::vector<double>(16, 1));
    const TensorId allowed = b.less(b.scalar(0), b.trilu(ones, false));
    const TensorId p = b.softmax(b.where(allowed, scores, b.scalar(-1e4)));
    return b.dropout(p, 0.3);
  };
  add("scale_mask_softmax_dropout", [=](GraphBuilder& b) -> Ids {
    return {b.matmul(dropped_attention(b), param(b, "v", {2, 4, 3}))};
  });
  add("scale_mask_softmax_dropout_read_twice", [=](GraphBuilder& b) -> Ids {
    const TensorId dropped = dropped_attention(b);
    return {b.matmul(dropped, param(b, "v", {2, 4, 3})), dropped};
  });
  add("softmax_dropout_on_the_right", [](GraphBuilder& b) -> Ids {
    const TensorId p = b.softmax(b.linear(param(b, "x", {2, 5, 3}), 6));
    return {b.matmul(param(b, "v", {2, 4, 6}), b.dropout(p, 0.5), false, true)};
  });
  add("gates", [](GraphBuilder& b) -> Ids {
    const TensorId x = b.linear(param(b, "x", {3, 8}), 16);
    const auto halves = b.chunk(x, 2, 1);
    return {b.mul(b.sigmoid(halves[0]), b.tanh(b.scale(halves[1], 0.5)))};
  });
  add("arithmetic", [](GraphBuilder& b) -> Ids {
    const TensorId x = param(b, "x", {4, 6});
    const TensorId y = b.mul(b.exp(b.scale(x, 0.3)), b.add(x, param(b, "row", {6})));
    return {b.div(b.sub(y, x), b.add(b.mul(x, x), b.scalar(1)))};
  });
}

}  // namespace

const std::vector<OpExample>& fused_examples() {
  static const std::vector<OpExample> examples = [] {
    std::vector<OpExample> list;
    add_convolutional(list);
    add_sequential(list);
    return list;
  }();
  return examples;
}

std::string parts_of(const Kernel& kernel) {
  if (kernel.kind != OpKind::kFused) return std::string(to_string(kernel.kind));
  std::string text;
  for (const FusedPart& part : kernel.attributes.parts().parts) {
    text += fmt::format("{}{}", text.empty() ? "" : " ", to_string(part.kind));
  }
  return text;
}

}  // namespace rockmate::testing
