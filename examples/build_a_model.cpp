// Builds a small residual network, derives its training iteration with Adam, and plans it within
// 60 % of the memory that the plain iteration needs beside its static bytes.
#include <rockmate/rockmate.h>

#include <iostream>

using rockmate::GraphBuilder;
using rockmate::TensorId;

namespace {

TensorId residual_block(GraphBuilder& b, TensorId x, std::int64_t channels) {
  const auto conv_norm = [&](TensorId from) {
    return b.batch_norm(b.conv(from, channels, {3}, {.padding = {1}, .bias = false}));
  };
  return b.relu(b.add(conv_norm(b.relu(conv_norm(x))), x));
}

}  // namespace

int main() {
  GraphBuilder b("small-resnet");
  const TensorId image = b.input("image", {32, 3, 32, 32});
  const TensorId target = b.input("target", {32}, rockmate::DType::kInt64);
  TensorId x = b.relu(b.batch_norm(b.conv(image, 32, {3}, {.padding = {1}})));
  for (int block = 0; block < 4; ++block) x = residual_block(b, x, 32);
  x = b.flatten(b.global_average_pool(x));
  b.loss(b.cross_entropy(b.linear(x, 10), target));
  const rockmate::Graph model = std::move(b).build();
  std::cout << model;

  const rockmate::TrainingGraph iteration =
      rockmate::make_training_graph(model, {.optimizer = rockmate::OptimizerKind::kAdam,
                                            .costs = rockmate::CostModel::analytic("v100")});
  const auto plan = Rockmate::plan(iteration, rockmate::Budget::parse("60%"));
  if (!plan) {
    std::cerr << plan.error() << "\n";
    return 1;
  }
  std::cout << "peak " << plan->peak << " within " << plan->budget << ", overhead "
            << 100 * plan->overhead << " %\n";
}
