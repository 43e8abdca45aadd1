// A convolutional network learns to tell shapes apart in noisy pictures, in a third of the memory.
//   scripts/make_data.py shapes FOLDER && example_learn_shapes FOLDER
#include "learning.h"

namespace {

constexpr std::int64_t kBatch = 16;

rockmate::Graph network() {
  rockmate::GraphBuilder b("shapes");
  rockmate::TensorId x = b.input("input", {kBatch, 1, 16, 16});
  for (const std::int64_t channels : {8, 16}) {
    for (int layer = 0; layer < 5; ++layer) {
      x = b.relu(b.batch_norm(b.conv(x, channels, {3}, {.padding = {1}, .bias = false})));
    }
    x = b.max_pool(x, {2});
  }
  x = b.linear(b.dropout(b.flatten(b.global_average_pool(x)), 0.1), 4);
  b.loss(b.cross_entropy(x, b.input("target", {kBatch}, rockmate::DType::kInt64)));
  b.output(x);
  return std::move(b).build();
}

}  // namespace

int main(int argc, char** argv) try {
  return learning::learn({.network = network(),
                          .input = {rockmate::DType::kFloat32, {1, 16, 16}},
                          .target = {rockmate::DType::kInt64, {}},
                          .batch = kBatch,
                          .steps = 60,
                          .rate = 0.01},
                         argc > 1 ? argv[1] : "data/shapes", ".idx");
} catch (const rockmate::InvalidInput& error) {
  std::cerr << error.what() << "\n";
  return 2;
}
