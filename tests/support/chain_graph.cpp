#include "support/chain_graph.h"

#include <fmt/format.h>

#include <cmath>
#include <random>

namespace rockmate::testing {
namespace {

struct DrawnBlock {
  int x = 0, saved = 0, workspace = 0, gradient = 0;      // bytes
  int forward = 0, backward = 0, backward_workspace = 0;  // 1/1024 seconds; bytes
};

class Draws {
 public:
  Draws(ChainKind kind, std::uint64_t seed) : kind_(kind), random_(seed) {}

  int uniform(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }

  DrawnBlock block(int i) {
    switch (kind_) {
      case ChainKind::kUniform:
        return around(1, 1);
      case ChainKind::kHuge:
        return i % 200 == 77 ? around(100, 1) : around(1, 1);
      case ChainKind::kEqual:
        return {500, 1500, 100, 500, 500, 1000, 100};
      case ChainKind::kLogUniform:
        return {growing(), growing(), growing(), growing(), growing(), growing(), growing()};
      case ChainKind::kCorrelated:
        break;
    }
    return around(growing(), 100);
  }

 private:
  // scale / unit times uniform draws; correlated blocks vary by a tenth only.
  DrawnBlock around(int scale, int unit) {
    const auto draw = [&](int low, int high) {
      if (unit > 1) low = (high * 9 + 9) / 10;
      return uniform(low, high) * scale / unit;
    };
    DrawnBlock drawn;
    drawn.x = draw(1, 1000);
    drawn.saved = draw(0, 3000);
    drawn.workspace = uniform(0, 500);
    drawn.gradient = uniform(1, 1000);
    drawn.forward = draw(1, 1000);
    drawn.backward = draw(1, 1000);
    drawn.backward_workspace = uniform(0, 500);
    return drawn;
  }
  int growing() {
    const double exponent = std::uniform_real_distribution<double>(0, 3)(random_);
    return static_cast<int>(std::pow(10.0, exponent));
  }

  ChainKind kind_;
  std::mt19937_64 random_;
};

}  // namespace

std::string_view to_string(ChainKind kind) {
  switch (kind) {
    case ChainKind::kUniform:
      return "uniform";
    case ChainKind::kLogUniform:
      return "log-uniform";
    case ChainKind::kCorrelated:
      return "correlated";
    case ChainKind::kHuge:
      return "few huge";
    case ChainKind::kEqual:
      return "equal";
  }
  return "";
}

TrainingGraph chain_graph(int blocks, std::uint64_t seed, ChainKind kind) {
  Draws draws(kind, seed);
  const auto seconds = [](int parts) { return Seconds(parts / 1024.0); };
  std::vector<DrawnBlock> drawn(static_cast<std::size_t>(blocks) + 1);
  TrainingGraphBuilder b(fmt::format("{} chain {}", to_string(kind), seed));
  b.value({.name = "x0", .bytes = Bytes(draws.uniform(1, 1000)), .kind = ValueKind::kInput});
  for (int i = 1; i <= blocks; ++i) {
    const std::string x = fmt::format("x{}", i), s = fmt::format("s{}", i);
    const DrawnBlock& block = drawn[static_cast<std::size_t>(i)] = draws.block(i);
    b.value({.name = x, .bytes = Bytes(block.x)});
    b.value({.name = s, .bytes = Bytes(block.saved)});
    b.op({.name = fmt::format("f{}", i),
          .seconds = seconds(block.forward),
          .workspace = Bytes(block.workspace),
          .inputs = {fmt::format("x{}", i - 1)},
          .outputs = {x, s},
          .optional = {s}});
  }
  const auto gradient = [&](int i) {
    const std::string name = fmt::format("d{}", i);
    const Bytes bytes(drawn[static_cast<std::size_t>(i)].gradient);
    b.value({.name = name, .bytes = bytes, .kind = ValueKind::kGradient});
    return name;
  };
  drawn.front().gradient = draws.uniform(1, 1000);
  std::string above = gradient(blocks);
  b.op({.name = "loss",
        .phase = Phase::kLoss,
        .seconds = Seconds(0),
        .inputs = {fmt::format("x{}", blocks)},
        .outputs = {above}});
  for (int i = blocks; i >= 1; --i) {
    const DrawnBlock& block = drawn[static_cast<std::size_t>(i)];
    const std::string below = gradient(i - 1);
    b.op({.name = fmt::format("b{}", i),
          .phase = Phase::kBackward,
          .seconds = seconds(block.backward),
          .workspace = Bytes(block.backward_workspace),
          .inputs = {fmt::format("x{}", i - 1), fmt::format("s{}", i), above},
          .outputs = {below}});
    above = below;
  }
  return std::move(b).build();
}

}  // namespace rockmate::testing
