#include "search/search.h"

#include <fmt/format.h>

#include <algorithm>

#include "search/annealing.h"

namespace rockmate {
namespace {

// Whole numbers up to here are exact in the search's arithmetic.
constexpr std::int64_t kMostBytes = std::int64_t{1} << 53;

std::int64_t all_bytes(const TrainingGraph& graph) {
  std::int64_t sum = 0;
  for (const Value& value : graph.values()) sum += value.bytes.count();
  for (const Op& op : graph.ops()) {
    Bytes most;
    for (const Implementation& i : op.implementations) most = std::max(most, i.workspace);
    sum += most.count();
  }
  return sum;
}

}  // namespace

SearchResult improve(const TrainingGraph& graph, Bytes budget, const Runs& start,
                     const SearchOptions& options) {
  if (all_bytes(graph) > kMostBytes) {
    throw InvalidInput(
        fmt::format("graph '{}': its sizes add up to {} bytes, expected at most 2^53", graph.name(),
                    all_bytes(graph)));
  }
  const auto trace = simulate(graph, schedule_from_runs(graph, start));
  if (!trace) {
    throw InvalidInput(
        fmt::format("the start of the search is not executable: {}", trace.error().message));
  }
  const search::Problem problem(graph);
  return search::anneal(problem, budget, start, options);
}

}  // namespace rockmate
