// Models of the usual families, as a user of GraphBuilder writes them.
#pragma once

#include <cstdint>
#include <vector>

#include "rockmate/graph_builder.h"

namespace rockmate::testing {

/// `depth` hidden layers of `width`, ReLU, cross-entropy over 10 classes.
[[nodiscard]] Graph mlp(std::int64_t batch, std::int64_t width, int depth);

struct ResNetSize {
  std::vector<int> blocks;  ///< per stage
  bool bottleneck = false;
  std::int64_t image = 224;
  std::int64_t width = 64;
  std::int64_t classes = 1000;
};
/// He et al. 2016, as in torchvision.
[[nodiscard]] Graph resnet(std::int64_t batch, const ResNetSize& size);

struct GptSize {
  int layers = 12;
  std::int64_t heads = 12;
  std::int64_t features = 768;
  std::int64_t vocabulary = 50257;
  std::int64_t positions = 1024;
  double dropout = 0.1;
};
/// GPT-2 with the head tied to the token embedding.
[[nodiscard]] Graph gpt(std::int64_t batch, std::int64_t tokens, const GptSize& size);

/// A U-Net with `depth` levels that segments an image into `classes`.
[[nodiscard]] Graph unet(std::int64_t batch, std::int64_t image, int depth, std::int64_t width,
                         std::int64_t classes = 2);

/// An LSTM, unrolled over `steps`, that classifies a sequence.
[[nodiscard]] Graph lstm(std::int64_t batch, std::int64_t steps, std::int64_t features,
                         std::int64_t classes);

struct VitSize {
  std::int64_t image = 224;
  std::int64_t patch = 16;
  int layers = 12;
  std::int64_t heads = 12;
  std::int64_t features = 768;
  std::int64_t classes = 1000;
};
/// Dosovitskiy et al. 2021, with a class token.
[[nodiscard]] Graph vision_transformer(std::int64_t batch, const VitSize& size);

}  // namespace rockmate::testing
