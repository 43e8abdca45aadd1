// How well and how fast do the planners plan?
//   planning_benchmark chain [BLOCKS...] Rotor's seconds and memory against the length of the
//   chain,
//                                        and its epsilon at some shares of the plain peak, in %
//   planning_benchmark table GRAPH...    overhead of each planner at 90, 70, 50, 40 % and the least
//   planning_benchmark at GRAPH BYTES... overhead of each planner at given budgets
// Every plan is judged before it is counted; the tables are Markdown.

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "graph/chain.h"
#include "rockmate/plan.h"
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

std::string cell(const PlanResult& result) {
  if (!result) return "none";
  return fmt::format("{:.2f}{}", 100 * result->overhead,
                     result->proven_optimal ? " (optimal)" : "");
}

void print_row(const TrainingGraph& graph, const std::string& label, Budget budget) {
  fmt::print("| {} | {} |", graph.name(), label);
  for (const Planner planner : {Planner::kPortfolio, Planner::kRotor, Planner::kSqrt}) {
    PlanOptions options;
    options.planner = planner;
    const auto start = Clock::now();
    const PlanResult result = plan(graph, budget, options);
    const std::string bytes =
        budget.is_minimum() && result ? fmt::format(" at {}", result->budget.count()) : "";
    fmt::print(" {}{} | {:.1f} |", cell(result), bytes, seconds_since(start));
    std::fflush(stdout);
  }
  fmt::print("\n");
}

void print_head() {
  fmt::print(
      "| graph | budget | ours, % | s | Rotor, % | s | sqrt, % | s |\n"
      "|---|---|---|---|---|---|---|---|\n");
}

int run(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "chain") {
    std::vector<int> lengths;
    for (int i = 2; i < argc; ++i) lengths.push_back(std::max(1, std::atoi(argv[i])));
    print_chains(lengths);
  } else if (mode == "table" && argc > 2) {
    print_head();
    for (int i = 2; i < argc; ++i) {
      const TrainingGraph graph = read_graph(argv[i]);
      for (const char* budget : {"90%", "70%", "50%", "40%", "min"}) {
        print_row(graph, budget, Budget::parse(budget));
      }
    }
  } else if (mode == "at" && argc > 3) {
    print_head();
    const TrainingGraph graph = read_graph(argv[2]);
    for (int i = 3; i < argc; ++i) print_row(graph, argv[i], Budget::parse(argv[i]));
  } else {
    fmt::print(
        stderr,
        "usage: planning_benchmark chain [BLOCKS...] | table GRAPH... | at GRAPH BYTES...\n");
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
