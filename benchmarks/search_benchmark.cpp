// How good are the plans of the whole-graph search, and how many moves does it make per second?
//
//   search_benchmark SECONDS SEED GRAPH.json BUDGET...   BUDGET: bytes, or "70%" of the plain peak
//   search_benchmark SECONDS SEED                        moves per second against the graph's size
//   search_benchmark SECONDS SEED --layout GRAPH.json BUDGET...   then as long again with addresses
//
// Each plan is replayed by the judge; a line ends in "WRONG" and the program in 1 where its figures
// are not the judge's.

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "rockmate/schedule.h"
#include "search/search.h"

namespace rockmate {
namespace {

// A forward chain with a skip every fourth op, its loss and its backward ops.
TrainingGraph chain_with_skips(int layers) {
  TrainingGraphBuilder b(fmt::format("chain-{}", layers));
  const auto y = [](int k) { return fmt::format("y{}", k); };
  const auto dy = [](int k) { return fmt::format("dy{}", k); };
  for (int k = 0; k <= layers; ++k) {
    const Bytes bytes((1 + k * 7 % 5) * 1024);
    b.value({.name = y(k), .bytes = bytes}).value({.name = dy(k), .bytes = bytes});
  }
  b.op({.name = "load", .seconds = Seconds(1), .outputs = {y(0)}});
  const auto inputs = [&](int k) {
    return k % 4 == 0 ? std::vector{y(k - 1), y(k - 4)} : std::vector{y(k - 1)};
  };
  for (int k = 1; k <= layers; ++k) {
    b.op({.name = fmt::format("f{}", k),
          .seconds = Seconds(1 + k * 3 % 4),
          .inputs = inputs(k),
          .outputs = {y(k)}});
  }
  b.op({.name = "loss",
        .phase = Phase::kLoss,
        .seconds = Seconds(1),
        .inputs = {y(layers)},
        .outputs = {dy(layers)}});
  for (int k = layers; k > 0; --k) {
    std::vector<std::string> reads = inputs(k);
    reads.push_back(dy(k));
    b.op({.name = fmt::format("b{}", k),
          .phase = Phase::kBackward,
          .seconds = Seconds(2 + k * 3 % 4),
          .inputs = reads,
          .outputs = {dy(k - 1)}});
  }
  return std::move(b).build();
}

Bytes parse_budget(const std::string& text, Bytes plain_peak) {
  const double number = std::stod(text);
  const double share = text.back() == '%' ? number / 100 : 0;
  return Bytes(std::llround(share > 0 ? std::floor(share * static_cast<double>(plain_peak.count()))
                                      : number));
}

// One line; false where the judge disagrees.
bool measure(const TrainingGraph& graph, Bytes budget, double seconds, std::uint64_t seed,
             bool layout = false) {
  using Clock = std::chrono::steady_clock;
  SearchOptions options{.seed = seed, .work_limit = 1ULL << 62, .time_limit = Seconds(seconds)};
  auto begin = Clock::now();
  SearchResult found = improve(graph, budget, program_order(graph), options);
  if (layout) {
    options.cycles = 1;
    options.start_temperature = options.reheat_temperature;
    options.layout = true;
    begin = Clock::now();
    found = improve(graph, budget, found.runs, options);
  }
  const double elapsed = std::chrono::duration<double>(Clock::now() - begin).count();
  const auto trace = simulate(graph, schedule_from_runs(graph, found.runs, TakeOver::kWhereEqual));
  const bool agrees =
      trace && trace->peak == found.peak && (!found.feasible || trace->peak <= budget) &&
      std::abs(trace->seconds.count() - found.seconds.count()) <= 1e-9 * found.seconds.count();
  fmt::print(
      "{:<16.16} {:>6} ops  budget {:>13}  peak {:>13}  overhead {:>8.3f} %{}  {:.3f} M "
      "moves/s{}\n",
      graph.name(), graph.ops().size(), budget.count(), found.peak.count(),
      100 * (found.seconds.count() / graph.plain_seconds().count() - 1),
      found.feasible ? "" : " (DOES NOT FIT)", static_cast<double>(found.moves) / elapsed / 1e6,
      agrees ? "" : "  WRONG");
  std::fflush(stdout);
  return agrees;
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2) {
    fmt::print(stderr, "usage: search_benchmark SECONDS SEED [[--layout] GRAPH.json BUDGET...]\n");
    return 2;
  }
  const double seconds = std::stod(arguments[0]);
  const std::uint64_t seed = std::stoull(arguments[1]);
  fmt::print("# {} s per line, seed {}, gcc {}\n", seconds, seed, __VERSION__);
  bool good = true;
  const auto plain_peak = [](const TrainingGraph& graph) {
    return simulate(graph, plain_schedule(graph))->peak;
  };
  if (arguments.size() == 2) {
    for (const int layers : {50, 160, 500, 1600, 5000}) {
      const TrainingGraph graph = chain_with_skips(layers);
      good &= measure(graph, parse_budget("50%", plain_peak(graph)), seconds, seed);
    }
    return good ? 0 : 1;
  }
  const bool layout = arguments[2] == "--layout" && arguments.size() > 3;
  const std::size_t file = layout ? 3 : 2;
  const TrainingGraph graph = read_graph(arguments[file]);
  for (std::size_t k = file + 1; k < arguments.size(); ++k) {
    good &= measure(graph, parse_budget(arguments[k], plain_peak(graph)), seconds, seed, layout);
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace rockmate

int main(int argc, char** argv) { return rockmate::run({argv + 1, argv + argc}); }
