#include "support/models.h"

#include <cmath>
#include <string>

namespace rockmate::testing {

Graph mlp(std::int64_t batch, std::int64_t width, int depth) {
  GraphBuilder b("mlp");
  TensorId h = b.input("x", {batch, width});
  const TensorId target = b.input("target", {batch}, DType::kInt64);
  for (int layer = 0; layer < depth; ++layer) h = b.relu(b.linear(h, width));
  b.loss(b.cross_entropy(b.linear(h, 10), target));
  return std::move(b).build();
}

namespace {

TensorId conv_norm(GraphBuilder& b, TensorId x, std::int64_t channels, std::int64_t kernel,
                   std::int64_t stride = 1) {
  return b.batch_norm(
      b.conv(x, channels, {kernel}, {.stride = {stride}, .padding = {kernel / 2}, .bias = false}));
}

TensorId residual_block(GraphBuilder& b, TensorId x, std::int64_t width, std::int64_t stride,
                        bool bottleneck) {
  const std::int64_t out = bottleneck ? 4 * width : width;
  TensorId branch = x;
  if (bottleneck) {
    branch = b.relu(conv_norm(b, branch, width, 1));
    branch = b.relu(conv_norm(b, branch, width, 3, stride));
    branch = conv_norm(b, branch, out, 1);
  } else {
    branch = b.relu(conv_norm(b, branch, width, 3, stride));
    branch = conv_norm(b, branch, out, 3);
  }
  const bool reshapes = stride != 1 || b.shape(x)[1] != out;
  return b.relu(b.add(branch, reshapes ? conv_norm(b, x, out, 1, stride) : x));
}

}  // namespace

Graph resnet(std::int64_t batch, const ResNetSize& size) {
  GraphBuilder b("resnet");
  const TensorId image = b.input("image", {batch, 3, size.image, size.image});
  const TensorId target = b.input("target", {batch}, DType::kInt64);
  TensorId x = b.relu(conv_norm(b, image, size.width, 7, 2));
  x = b.max_pool(x, {3}, {.stride = {2}, .padding = {1}});
  for (std::size_t stage = 0; stage < size.blocks.size(); ++stage) {
    for (int block = 0; block < size.blocks[stage]; ++block) {
      const std::int64_t stride = stage > 0 && block == 0 ? 2 : 1;
      x = residual_block(b, x, size.width << stage, stride, size.bottleneck);
    }
  }
  x = b.flatten(b.global_average_pool(x));
  b.loss(b.cross_entropy(b.linear(x, size.classes), target));
  return std::move(b).build();
}

namespace {

struct BlockSize {
  std::int64_t heads;
  double dropout;
  bool tanh_gelu;
};

TensorId attention(GraphBuilder& b, TensorId x, const BlockSize& size,
                   std::optional<TensorId> mask) {
  const Shape shape = b.shape(x);
  const std::int64_t head = shape[2] / size.heads;
  const auto heads_of = [&](TensorId part) {
    return b.transpose(b.reshape(part, {shape[0], shape[1], size.heads, head}), {0, 2, 1, 3});
  };
  const auto parts = b.chunk(b.linear(x, 3 * shape[2]), 3, -1);
  const TensorId query = heads_of(parts[0]);
  const TensorId key = heads_of(parts[1]);
  const TensorId value = heads_of(parts[2]);
  TensorId scores =
      b.scale(b.matmul(query, key, false, true), 1 / std::sqrt(static_cast<double>(head)));
  if (mask) scores = b.where(*mask, scores, b.scalar(-1e9));
  TensorId weights = b.softmax(scores);
  if (size.dropout > 0) weights = b.dropout(weights, size.dropout);
  const TensorId mixed = b.transpose(b.matmul(weights, value), {0, 2, 1, 3});
  return b.linear(b.reshape(mixed, shape), shape[2]);
}

TensorId transformer_block(GraphBuilder& b, TensorId x, const BlockSize& size,
                           std::optional<TensorId> mask) {
  const auto residual = [&](TensorId branch) {
    return b.add(x, size.dropout > 0 ? b.dropout(branch, size.dropout) : branch);
  };
  const std::int64_t features = b.shape(x)[2];
  x = residual(attention(b, b.layer_norm(x), size, mask));
  const TensorId hidden = b.gelu(b.linear(b.layer_norm(x), 4 * features), size.tanh_gelu);
  return residual(b.linear(hidden, features));
}

}  // namespace

Graph gpt(std::int64_t batch, std::int64_t tokens, const GptSize& size) {
  GraphBuilder b("gpt");
  const TensorId ids = b.input("tokens", {batch, tokens}, DType::kInt64);
  const TensorId target = b.input("target", {batch, tokens}, DType::kInt64);
  const Fill normal = {Fill::Kind::kNormal, 0.02};
  const TensorId embedding = b.parameter("embedding", {size.vocabulary, size.features}, normal);
  const TensorId positions = b.parameter("positions", {size.positions, size.features}, normal);
  std::vector<double> causal(static_cast<std::size_t>(tokens * tokens));
  for (std::int64_t row = 0; row < tokens; ++row) {
    for (std::int64_t k = 0; k <= row; ++k) causal[static_cast<std::size_t>(row * tokens + k)] = 1;
  }
  const TensorId mask = b.constant("mask", {DType::kBool, {tokens, tokens}}, std::move(causal));
  TensorId x = b.add(b.gather(embedding, ids), b.slice(positions, 0, 0, tokens));
  if (size.dropout > 0) x = b.dropout(x, size.dropout);
  for (int layer = 0; layer < size.layers; ++layer) {
    const auto scope = b.scope("block_" + std::to_string(layer));
    x = transformer_block(b, x, {size.heads, size.dropout, true}, mask);
  }
  const TensorId logits = b.linear(b.layer_norm(x), embedding, std::nullopt);
  b.loss(b.cross_entropy(logits, target, -1));
  return std::move(b).build();
}

Graph unet(std::int64_t batch, std::int64_t image, int depth, std::int64_t width,
           std::int64_t classes) {
  GraphBuilder b("unet");
  const auto twice = [&](TensorId x, std::int64_t channels) {
    for (int i = 0; i < 2; ++i) x = b.relu(conv_norm(b, x, channels, 3));
    return x;
  };
  TensorId x = b.input("image", {batch, 3, image, image});
  const TensorId target = b.input("target", {batch, image, image}, DType::kInt64);
  std::vector<TensorId> skips;
  for (int level = 0; level < depth; ++level) {
    skips.push_back(twice(x, width << level));
    x = b.max_pool(skips.back(), {2});
  }
  x = twice(x, width << depth);
  for (int level = depth - 1; level >= 0; --level) {
    x = b.conv_transpose(x, width << level, {2}, {.stride = {2}});
    x = twice(b.concat({skips[static_cast<std::size_t>(level)], x}, 1), width << level);
  }
  b.loss(b.cross_entropy(b.conv(x, classes, {1}), target));
  return std::move(b).build();
}

Graph lstm(std::int64_t batch, std::int64_t steps, std::int64_t features, std::int64_t classes) {
  GraphBuilder b("lstm");
  const TensorId sequence = b.input("sequence", {batch, steps, features});
  const TensorId target = b.input("target", {batch}, DType::kInt64);
  const Fill uniform = {Fill::Kind::kUniform, 1 / std::sqrt(static_cast<double>(features))};
  const TensorId input_weight = b.parameter("input_weight", {4 * features, features}, uniform);
  const TensorId hidden_weight = b.parameter("hidden_weight", {4 * features, features}, uniform);
  const TensorId bias = b.parameter("bias", {4 * features}, uniform);
  TensorId hidden = b.constant("hidden_0", {DType::kFloat32, {batch, features}}, {0});
  TensorId cell = b.constant("cell_0", {DType::kFloat32, {batch, features}}, {0});
  for (std::int64_t step = 0; step < steps; ++step) {
    const TensorId x = b.squeeze(b.slice(sequence, 1, step, step + 1), 1);
    const auto gates = b.chunk(
        b.add(b.linear(x, input_weight, bias), b.linear(hidden, hidden_weight, std::nullopt)), 4,
        1);
    cell = b.add(b.mul(b.sigmoid(gates[1]), cell), b.mul(b.sigmoid(gates[0]), b.tanh(gates[2])));
    hidden = b.mul(b.sigmoid(gates[3]), b.tanh(cell));
  }
  b.loss(b.cross_entropy(b.linear(hidden, classes), target));
  return std::move(b).build();
}

Graph vision_transformer(std::int64_t batch, const VitSize& size) {
  GraphBuilder b("vit");
  const TensorId image = b.input("image", {batch, 3, size.image, size.image});
  const TensorId target = b.input("target", {batch}, DType::kInt64);
  TensorId x = b.conv(image, size.features, {size.patch}, {.stride = {size.patch}});
  x = b.transpose(b.flatten(x, 2), {0, 2, 1});
  const TensorId token = b.parameter("class_token", {1, 1, size.features});
  x = b.concat({b.expand(token, {batch, 1, size.features}), x}, 1);
  const Fill normal = {Fill::Kind::kNormal, 0.02};
  x = b.add(x, b.parameter("positions", {1, b.shape(x)[1], size.features}, normal));
  for (int layer = 0; layer < size.layers; ++layer) {
    x = transformer_block(b, x, {size.heads, 0, false}, std::nullopt);
  }
  const TensorId head = b.squeeze(b.slice(b.layer_norm(x), 1, 0, 1), 1);
  b.loss(b.cross_entropy(b.linear(head, size.classes), target));
  return std::move(b).build();
}

}  // namespace rockmate::testing
