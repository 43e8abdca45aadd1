#include "support/chain_graph.h"

#include <fmt/format.h>

#include <random>

namespace rockmate::testing {

TrainingGraph chain_graph(int blocks, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto draw = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  const auto seconds = [&] { return Seconds(draw(1, 1000) / 1024.0); };
  TrainingGraphBuilder b(fmt::format("chain-{}", seed));
  b.value({.name = "x0", .bytes = Bytes(draw(1, 1000)), .kind = ValueKind::kInput});
  for (int i = 1; i <= blocks; ++i) {
    const std::string x = fmt::format("x{}", i), s = fmt::format("s{}", i);
    b.value({.name = x, .bytes = Bytes(draw(1, 1000))});
    b.value({.name = s, .bytes = Bytes(draw(0, 3000))});
    b.op({.name = fmt::format("f{}", i),
          .seconds = seconds(),
          .workspace = Bytes(draw(0, 500)),
          .inputs = {fmt::format("x{}", i - 1)},
          .outputs = {x, s},
          .optional = {s}});
  }
  const auto gradient = [&](int i) {
    const std::string name = fmt::format("d{}", i);
    b.value({.name = name, .bytes = Bytes(draw(1, 1000)), .kind = ValueKind::kGradient});
    return name;
  };
  std::string above = gradient(blocks);
  b.op({.name = "loss",
        .phase = Phase::kLoss,
        .seconds = Seconds(0),
        .inputs = {fmt::format("x{}", blocks)},
        .outputs = {above}});
  for (int i = blocks; i >= 1; --i) {
    const std::string below = gradient(i - 1);
    b.op({.name = fmt::format("b{}", i),
          .phase = Phase::kBackward,
          .seconds = seconds(),
          .workspace = Bytes(draw(0, 500)),
          .inputs = {fmt::format("x{}", i - 1), fmt::format("s{}", i), above},
          .outputs = {below}});
    above = below;
  }
  return std::move(b).build();
}

}  // namespace rockmate::testing
