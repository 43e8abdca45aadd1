#include "bounds/moment.h"

#include <algorithm>
#include <numeric>

namespace rockmate {
namespace {

// Marks what can be reached from `from` along `edges`, without `from`.
void reach(const Ancestors& edges, OpId from, Side mark, IdVector<OpId, Side>& side) {
  std::vector<OpId> stack = {from};
  while (!stack.empty()) {
    const OpId at = stack.back();
    stack.pop_back();
    for (const OpId next : edges[at]) {
      if (side[next] != Side::kEither) continue;
      side[next] = mark;
      stack.push_back(next);
    }
  }
}

void remove_duplicates(auto& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

}  // namespace

Ancestors direct_ancestors(const TrainingGraph& graph) {
  Ancestors before(graph.ops().size());
  for (std::size_t o = 0; o < graph.ops().size(); ++o) {
    const OpId id(o);
    for (const ValueId v : graph[id].needs) {
      const Value& value = graph[v];
      if (value.producer) before[id].push_back(*value.producer);
      if (!value.contributors.empty()) before[id].push_back(value.contributors.back());
    }
    for (const ValueId v : graph[id].accumulates) {
      const std::vector<OpId>& adders = graph[v].contributors;
      const auto at = std::find(adders.begin(), adders.end(), id);
      if (at != adders.begin()) before[id].push_back(*(at - 1));
    }
    for (const ValueId v : graph[id].updates) {
      for (const OpId reader : graph[v].readers) {
        if (reader < id) before[id].push_back(reader);
      }
    }
  }
  return before;
}

std::set<ValueId> live_during(const TrainingGraph& graph, OpId id) {
  const Op& op = graph[id];
  std::set<ValueId> live;
  for (const ValueId v : op.needs) live.insert(graph[v].storage);
  for (const ValueId v : op.accumulates) live.insert(v);
  std::set<ValueId> taken;  // inputs whose storage the largest output may take over
  std::vector<ValueId> outputs = op.outputs;
  std::stable_sort(outputs.begin(), outputs.end(),
                   [&](ValueId a, ValueId b) { return graph[a].bytes > graph[b].bytes; });
  for (const ValueId y : outputs) {
    if (op.is_optional(y) || graph[y].storage != y) continue;
    const bool is_taken_over =
        std::any_of(op.in_place.begin(), op.in_place.end(), [&](const InPlace& pair) {
          return pair.output == y && !graph[graph[pair.input].storage].is_source &&
                 taken.insert(pair.input).second;
        });
    if (!is_taken_over) live.insert(y);
  }
  std::erase_if(live, [&](ValueId v) { return graph[v].is_source; });
  return live;
}

Bytes least_workspace(const Op& op) {
  Bytes least = op.workspace();
  for (const Implementation& way : op.implementations) least = std::min(least, way.workspace);
  return least;
}

Seconds least_seconds(const Op& op) {
  Seconds least = op.seconds();
  for (const Implementation& way : op.implementations) least = std::min(least, way.seconds);
  return least;
}

MomentFacts::MomentFacts(const TrainingGraph& training_graph)
    : graph(training_graph),
      before(direct_ancestors(graph)),
      after(graph.ops().size()),
      needs(graph.ops().size()),
      barriers(graph.ops().size()),
      seconds(graph.ops().size()) {
  const auto has_bytes = [&](ValueId v) { return !graph[v].is_source && graph[v].bytes > Bytes(); };
  for (std::size_t o = 0; o < graph.ops().size(); ++o) {
    const OpId id(o);
    remove_duplicates(before[id]);
    for (const OpId earlier : before[id]) after[earlier].push_back(id);
    seconds[id] = least_seconds(graph[id]).count();
    fastest += least_seconds(graph[id]);
    for (const ValueId v : graph[id].needs) {
      if (has_bytes(graph[v].storage)) needs[id].push_back(graph[v].storage);
    }
    remove_duplicates(needs[id]);
    for (const ValueId v : graph[id].updates) {
      for (const OpId reader : graph[v].readers) {
        if (reader < id) barriers[reader].push_back(id);
      }
    }
  }
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const ValueId v(i);
    if (graph[v].storage == v && has_bytes(v)) storages.push_back(v);
  }
  for (const ValueId v : graph.results()) {
    if (has_bytes(graph[v].storage)) result_storages.push_back(graph[v].storage);
  }
  remove_duplicates(result_storages);
}

OpId MomentFacts::maker(ValueId storage) const {
  const Value& value = graph[storage];
  return value.producer ? *value.producer : value.contributors.front();
}

Moment::Moment(const MomentFacts& facts, OpId moment)
    : op(moment),
      side(facts.graph.ops().size(), Side::kEither),
      live(live_during(facts.graph, moment)),
      fixed(facts.graph.static_bytes() + least_workspace(facts.graph[moment])) {
  side[op] = Side::kBefore;
  reach(facts.before, op, Side::kBefore, side);
  reach(facts.after, op, Side::kAfter, side);
  for (const ValueId v : live) fixed += facts.graph[v].bytes;
  for (const InPlace& pair : facts.graph[op].in_place) {
    if (!live.contains(pair.output)) free.insert(pair.output);
  }
  std::int64_t divisor = 0;
  for (const ValueId s : facts.storages) {
    if (live.contains(s) || free.contains(s) || side[facts.maker(s)] == Side::kAfter) continue;
    divisor = std::gcd(divisor, facts.graph[s].bytes.count());
  }
  if (divisor > 0) unit = Bytes(divisor);
}

Bytes Moment::room(Bytes budget) const {
  const std::int64_t left = (budget - fixed).count();
  return left > 0 ? Bytes(left / unit.count() * unit.count()) : Bytes(left);
}

}  // namespace rockmate
