#include "search/search.h"

#include <fmt/format.h>

#include <algorithm>

#include "search/annealing.h"
#include "search/ordering.h"

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

// The judge lets an op that stands after an update in program order read the old value; that would
// be another result, and the search keeps the order that the start has.
void check_orders(const search::Problem& problem, const Runs& start) {
  IdVector<OpId, std::size_t> first(problem.op_count), last(problem.op_count);
  for (std::size_t i = 0; i < start.size(); ++i) last[start[i].op] = i;
  for (std::size_t i = start.size(); i-- > 0;) first[start[i].op] = i;
  for (std::size_t o = 0; o < problem.op_count; ++o) {
    for (const OpId earlier : problem.after[OpId(o)]) {
      if (last[earlier] < first[OpId(o)]) continue;
      throw InvalidInput(
          fmt::format("the start of the search runs '{}' before '{}', expected it after all runs "
                      "of that op: one of them updates what the other reads",
                      problem.graph[OpId(o)].name, problem.graph[earlier].name));
    }
  }
}

search::Problem checked_problem(const TrainingGraph& graph, const Runs& start) {
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
  search::Problem problem(graph);
  check_orders(problem, start);
  return problem;
}

}  // namespace

SearchResult improve(const TrainingGraph& graph, Bytes budget, const Runs& start,
                     const SearchOptions& options) {
  return search::anneal(checked_problem(graph, start), budget, start, options);
}

Runs reorder(const TrainingGraph& graph, Bytes budget, const Runs& start,
             const ReorderOptions& options) {
  return search::anneal_order(checked_problem(graph, start), budget, start, options);
}

}  // namespace rockmate
