#include "search/problem.h"

#include <algorithm>

#include "schedule/implementations.h"
#include "schedule/runs.h"

namespace rockmate::search {
namespace {

using OpLists = IdVector<OpId, std::vector<OpId>>;

void add_order(OpLists& after, OpLists& before, OpId first, OpId second) {
  after[second].push_back(first);
  before[first].push_back(second);
}

// Contributors keep the order of their list, readers wait for the last one; what reads a source
// before its update in program order does so before it in every plan, and the others after it.
void find_orders(const TrainingGraph& graph, OpLists& after, OpLists& before) {
  IdVector<ValueId, std::vector<OpId>> updaters(graph.values().size());
  for (std::size_t o = 0; o < graph.ops().size(); ++o) {
    for (const ValueId v : graph[OpId(o)].updates) updaters[v].push_back(OpId(o));
  }
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const Value& value = graph[ValueId(i)];
    for (std::size_t k = 1; k < value.contributors.size(); ++k) {
      add_order(after, before, value.contributors[k - 1], value.contributors[k]);
    }
    if (!value.contributors.empty()) {
      for (const OpId reader : value.readers) {
        add_order(after, before, value.contributors.back(), reader);
      }
    }
    const std::vector<OpId>& updates = updaters[value.storage];
    for (const OpId updater : updates) {
      for (const OpId reader : value.readers) {
        if (reader < updater) add_order(after, before, reader, updater);
        if (updater < reader) add_order(after, before, updater, reader);
      }
    }
    for (std::size_t k = 1; value.is_source && k < updates.size(); ++k) {
      add_order(after, before, updates[k - 1], updates[k]);
    }
  }
}

std::vector<Touch> touches_of(const TrainingGraph& graph, OpId id) {
  std::vector<Touch> touches;
  const Op& op = graph[id];
  for (const ValueId v : op.needs) {
    if (!graph[v].is_source) touches.push_back({v, false});
  }
  for (const ValueId v : op.accumulates) {
    touches.push_back({v, graph[v].contributors.front() == id});
  }
  for (const ValueId v : op.outputs) touches.push_back({v, true});
  return touches;
}

}  // namespace

Problem::Problem(const TrainingGraph& training_graph)
    : graph(training_graph),
      op_count(graph.ops().size()),
      value_count(graph.values().size()),
      static_bytes(static_cast<double>(graph.static_bytes().count())),
      storage(value_count),
      bytes(value_count),
      is_optional(value_count),
      takes_over(value_count) {
  IdVector<OpId, std::vector<Touch>> all_touches(op_count);
  IdVector<OpId, std::vector<ValueId>> all_needs(op_count);
  IdVector<OpId, std::vector<ValueId>> all_outputs(op_count);
  IdVector<OpId, std::vector<Choice>> all_choices(op_count);
  IdVector<ValueId, std::vector<ValueId>> all_members(value_count);
  IdVector<ValueId, std::vector<ValueId>> all_takers(value_count);
  for (std::size_t o = 0; o < op_count; ++o) {
    const OpId id(o);
    const Op& op = graph[id];
    all_touches[id] = touches_of(graph, id);
    for (const ValueId v : op.needs) {
      if (!graph[v].is_source) all_needs[id].push_back(v);
    }
    all_outputs[id] = op.outputs;
    for (const ValueId v : op.optional) is_optional[v] = true;
    for (const std::uint16_t i : useful_implementations(op)) {
      const Implementation& implementation = op.implementations[i];
      all_choices[id].push_back({i, implementation.seconds.count(),
                                 static_cast<double>(implementation.workspace.count())});
    }
    for (const InPlace& pair : take_overs(graph, id)) {
      takes_over[pair.output] = pair.input;
      all_takers[graph[pair.input].storage].push_back(pair.output);
    }
  }
  for (std::size_t i = 0; i < value_count; ++i) {
    const ValueId v(i);
    const Value& value = graph[v];
    storage[v] = value.storage;
    if (value.is_source) continue;
    bytes[v] = static_cast<double>(value.bytes.count());
    if (!graph[value.storage].is_source) all_members[value.storage].push_back(v);
    const bool frees = graph.storage_bytes(v) > Bytes() && !graph[value.storage].is_source;
    if (frees && value.producer && graph[*value.producer].recomputable) forgettable.push_back(v);
  }
  OpLists all_after(op_count), all_before(op_count);
  find_orders(graph, all_after, all_before);
  touches = Rows(all_touches);
  needs = Rows(all_needs);
  outputs = Rows(all_outputs);
  choices = Rows(all_choices);
  members = Rows(all_members);
  takers = Rows(all_takers);
  after = Rows(all_after);
  before = Rows(all_before);
}

std::uint16_t Problem::choice_of(OpId op, std::uint16_t implementation) const {
  const auto offered = choices[op];
  const auto it = std::find_if(offered.begin(), offered.end(), [&](const Choice& choice) {
    return choice.implementation == implementation;
  });
  return it == offered.end() ? std::uint16_t{0} : static_cast<std::uint16_t>(it - offered.begin());
}

}  // namespace rockmate::search
