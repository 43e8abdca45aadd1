// How long does planning a chain take, and how close to the best is it?
//   planning_benchmark chain [BLOCKS...]   Rotor on chains of five kinds: seconds, memory, and its
//                                          epsilon in % at some shares of the plain peak
// The tables are Markdown.

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "graph/chain.h"
#include "rotor/rotor.h"
#include "support/chain_graph.h"

namespace rockmate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kShares[] = {0.9, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double peak_mebibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void print_chain(int blocks, testing::ChainKind kind, std::uint64_t seed) {
  const TrainingGraph graph = testing::chain_graph(blocks, seed, kind);
  const auto plain = simulate(graph, plain_schedule(graph));
  const auto start = Clock::now();
  const rotor::Rotor rotor(graph, finest_chain(graph), {});
  fmt::print("| {} | {} | {:.1f} | {:.0f} | {} |", blocks, graph.name(), seconds_since(start),
             peak_mebibytes(), rotor.curve().size());
  for (const double share : kShares) {
    const Bytes budget(static_cast<std::int64_t>(share * static_cast<double>(plain->peak.count())));
    const double epsilon = rotor.epsilon(budget);
    fmt::print(" {} |", std::isfinite(epsilon) ? fmt::format("{:.3f}", 100 * epsilon) : "none");
  }
  const Bytes least = rotor.curve().front().peak;
  fmt::print(" {:.2f} |\n",
             100 * static_cast<double>(least.count()) / static_cast<double>(plain->peak.count()));
  std::fflush(stdout);
}

// `memory` is the most that the process ever held, `least` the least budget that has a plan.
void print_chains(std::vector<int> lengths) {
  if (lengths.empty()) lengths = {50, 100, 130, 200, 500, 1000, 2000};
  fmt::print("| blocks | chain | seconds | memory, MiB | points |");
  for (const double share : kShares) fmt::print(" {:.0f} % |", 100 * share);
  fmt::print(" least, % |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const int blocks : lengths) {
    for (const testing::ChainKind kind : testing::kChainKinds) print_chain(blocks, kind, 1);
  }
}

int run(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "chain") {
    std::vector<int> lengths;
    for (int i = 2; i < argc; ++i) lengths.push_back(std::max(1, std::atoi(argv[i])));
    print_chains(lengths);
  } else {
    fmt::print(stderr, "usage: planning_benchmark chain [BLOCKS...]\n");
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
