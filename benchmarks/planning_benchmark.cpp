// How long does planning take?
//   planning_benchmark chain   Rotor's seconds and states against the length of the chain
// The tables are Markdown.

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "graph/chain.h"
#include "rotor/rotor.h"

namespace rockmate {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Blocks of random sizes and seconds, each with an activation and something saved for backward.
TrainingGraph random_chain(int blocks, unsigned seed) {
  std::mt19937 random(seed);
  const auto draw = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  TrainingGraphBuilder b(fmt::format("chain of {}", blocks));
  b.value({.name = "x0", .bytes = Bytes(draw(1'000, 100'000)), .kind = ValueKind::kInput});
  for (int i = 1; i <= blocks; ++i) {
    b.value({.name = fmt::format("x{}", i), .bytes = Bytes(draw(1'000, 100'000))});
    b.value({.name = fmt::format("s{}", i), .bytes = Bytes(draw(1'000, 300'000))});
    b.op({.name = fmt::format("f{}", i),
          .seconds = Seconds(draw(100, 10'000) * 1e-6),
          .workspace = Bytes(draw(0, 50'000)),
          .inputs = {fmt::format("x{}", i - 1)},
          .outputs = {fmt::format("x{}", i), fmt::format("s{}", i)}});
  }
  for (int i = blocks; i >= 0; --i)
    b.value({.name = fmt::format("d{}", i), .bytes = Bytes(50'000)});
  b.op({.name = "loss",
        .phase = Phase::kLoss,
        .seconds = Seconds(1e-6),
        .inputs = {fmt::format("x{}", blocks)},
        .outputs = {fmt::format("d{}", blocks)}});
  for (int i = blocks; i >= 1; --i) {
    b.op({.name = fmt::format("b{}", i),
          .phase = Phase::kBackward,
          .seconds = Seconds(draw(100, 20'000) * 1e-6),
          .inputs = {fmt::format("x{}", i - 1), fmt::format("s{}", i), fmt::format("d{}", i)},
          .outputs = {fmt::format("d{}", i - 1)}});
  }
  return std::move(b).build();
}

void print_chains() {
  fmt::print("| blocks | seconds | points of the curve | tolerance |\n|---|---|---|---|\n");
  for (const int blocks : {25, 50, 100, 130, 200}) {
    const TrainingGraph graph = random_chain(blocks, 1);
    const auto start = Clock::now();
    const rotor::Rotor rotor(graph, finest_chain(graph), {});
    fmt::print("| {} | {:.2f} | {} |\n", blocks, seconds_since(start), rotor.curve().size());
    std::fflush(stdout);
  }
}

int run(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "chain") {
    print_chains();
  } else {
    fmt::print(stderr, "usage: planning_benchmark chain\n");
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace rockmate

int main(int argc, char** argv) {
  try {
    return rockmate::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "planning_benchmark: {}\n", error.what());
    return 2;
  }
}
