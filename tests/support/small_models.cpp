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
