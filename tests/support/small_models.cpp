#include "support/small_models.h"

#include "support/models.h"

namespace rockmate::testing {

Graph mixed_net() {
  GraphBuilder b("mixed");
  const TensorId image = b.input("image", {2, 3, 6, 6});
  const TensorId target = b.input("target", {2}, DType::kInt64);
  TensorId x = b.relu(b.batch_norm(b.conv(image, 4, {3}, {.padding = {1}})));
  const TensorId skip = x;
  x = b.dropout(b.gelu(b.group_norm(b.conv(x, 4, {3}, {.padding = {1}, .groups = 2}), 2)), 0.3);
  x = b.concat({b.add(x, skip), skip}, 1);
  const TensorId auxiliary = b.linear(b.flatten(b.global_average_pool(x)), 3);
  x = b.max_pool(b.silu(x), {2});
  const auto parts = b.chunk(x, 2, 1);
  x = b.flatten(b.mul(b.sigmoid(parts[0]), parts[1]));
  b.loss(b.cross_entropy(auxiliary, target), 0.3);
  b.loss(b.cross_entropy(b.linear(b.dropout(x, 0.5), 3), target));
  return std::move(b).build();
}

Graph dense_net(const DenseNetSize& size) {
  GraphBuilder b("dense");
  const TensorId image = b.input("image", {size.batch, 3, size.image, size.image + 1});
  const TensorId target = b.input("target", {size.batch}, DType::kInt64);
  TensorId x = b.conv(image, size.width, {3}, {.padding = {1}, .bias = false});
  for (const int layers : size.blocks) {
    std::vector<TensorId> pieces = {x};
    for (int layer = 0; layer < layers; ++layer) {
      const TensorId all = b.relu(b.batch_norm(b.concat(pieces, 1)));
      const TensorId hidden = b.conv(all, 2 * size.growth, {1}, {.bias = false});
      pieces.push_back(
          b.conv(b.relu(b.batch_norm(hidden)), size.growth, {3}, {.padding = {1}, .bias = false}));
    }
    x = b.conv(b.relu(b.batch_norm(b.concat(pieces, 1))), size.width, {1}, {.bias = false});
    x = b.average_pool(x, {2}, {.stride = {2}});
  }
  x = b.flatten(b.global_average_pool(b.relu6(b.batch_norm(b.concat({x, x}, 1)))));
  x = b.linear(x, 4);
  b.output(x);
  b.loss(b.cross_entropy(x, target));
  return std::move(b).build();
}

std::vector<NamedModel> small_models() {
  std::vector<NamedModel> models;
  models.push_back({"mixed", mixed_net()});
  models.push_back(
      {"resnet", resnet(2, {.blocks = {1, 1}, .image = 16, .width = 2, .classes = 3})});
  models.push_back({"gpt", gpt(2, 4,
                               {.layers = 2,
                                .heads = 2,
                                .features = 4,
                                .vocabulary = 5,
                                .positions = 6,
                                .dropout = 0.3})});
  models.push_back({"unet", unet(1, 8, 2, 2)});
  models.push_back({"lstm", lstm(2, 3, 3, 3)});
  models.push_back(
      {"vit",
       vision_transformer(
           1, {.image = 4, .patch = 2, .layers = 1, .heads = 2, .features = 4, .classes = 3})});
  return models;
}

}  // namespace rockmate::testing
