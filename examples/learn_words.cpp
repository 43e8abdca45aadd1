// A small transformer learns to say words backwards, those too that it has never seen, in a third
// of the memory.
//   scripts/make_data.py words FOLDER && example_learn_words FOLDER
#include "learning.h"

#include <cmath>

namespace {

using rockmate::TensorId;

constexpr std::int64_t kBatch = 64;
constexpr std::int64_t kTokens = 8;
constexpr std::int64_t kVocabulary = 7;
constexpr std::int64_t kWidth = 32;
constexpr std::int64_t kHeads = 4;

// -1e9 where a token would look ahead.
TensorId causal_mask(rockmate::GraphBuilder& b) {
  std::vector<double> mask;
  for (std::int64_t row = 0; row < kTokens; ++row) {
    for (std::int64_t column = 0; column < kTokens; ++column) {
      mask.push_back(column > row ? -1e9 : 0);
    }
  }
  return b.constant("mask", {rockmate::DType::kFloat32, {kTokens, kTokens}}, std::move(mask));
}

TensorId attention(rockmate::GraphBuilder& b, TensorId x, TensorId mask) {
  const auto heads = [&](TensorId t) {
    return b.transpose(b.reshape(t, {kBatch, kTokens, kHeads, kWidth / kHeads}), {0, 2, 1, 3});
  };
  const TensorId q = heads(b.linear(x, kWidth)), k = heads(b.linear(x, kWidth)),
                 v = heads(b.linear(x, kWidth));
  const double scale = 1 / std::sqrt(static_cast<double>(kWidth / kHeads));
  const TensorId scores = b.add(b.scale(b.matmul(q, k, false, true), scale), mask);
  const TensorId mixed = b.transpose(b.matmul(b.softmax(scores), v), {0, 2, 1, 3});
  return b.linear(b.reshape(mixed, {kBatch, kTokens, kWidth}), kWidth);
}

rockmate::Graph network() {
  rockmate::GraphBuilder b("words");
  const TensorId tokens = b.input("input", {kBatch, kTokens}, rockmate::DType::kInt64);
  const TensorId mask = causal_mask(b);
  const TensorId places =
      b.parameter("places", {kTokens, kWidth}, {rockmate::Fill::Kind::kNormal, 0.5});
  TensorId x = b.add(b.embedding(tokens, kVocabulary, kWidth), places);
  for (int block = 0; block < 4; ++block) {
    x = b.add(x, attention(b, b.layer_norm(x), mask));
    x = b.add(x, b.linear(b.gelu(b.linear(b.layer_norm(x), 2 * kWidth)), kWidth));
  }
  x = b.linear(b.layer_norm(x), kVocabulary);
  const TensorId target = b.input("target", {kBatch, kTokens}, rockmate::DType::kInt64);
  b.loss(b.cross_entropy(x, target, 2));
  b.output(x);
  return std::move(b).build();
}

}  // namespace

int main(int argc, char** argv) try {
  return learning::learn({.network = network(),
                          .input = {rockmate::DType::kInt64, {kTokens}},
                          .target = {rockmate::DType::kInt64, {kTokens}},
                          .batch = kBatch,
                          .steps = 120,
                          .rate = 0.004},
                         argc > 1 ? argv[1] : "data/words", ".npy");
} catch (const rockmate::InvalidInput& error) {
  std::cerr << error.what() << "\n";
  return 2;
}
