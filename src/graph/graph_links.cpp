#include "graph/graph_links.h"

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/strong_components.hpp>
#include <set>

#include "graph/reject.h"

namespace rockmate {
namespace {

// The message for a value that is read too early: a cycle if there is one, else a wrong order.
std::string explain_order(const std::vector<Op>& ops, const IdVector<ValueId, Value>& values,
                          std::size_t reader, ValueId value) {
  using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS>;
  Graph dependencies(ops.size());
  const auto depends = [&](std::size_t on, std::size_t op) {
    boost::add_edge(on, op, dependencies);
  };
  for (std::size_t o = 0; o < ops.size(); ++o) {
    for (const ValueId v : ops[o].needs) {
      if (values[v].producer) depends(values[v].producer->index(), o);
      for (const OpId c : values[v].contributors) depends(c.index(), o);
    }
  }
  std::vector<std::size_t> component(ops.size());
  boost::strong_components(dependencies, component.data());
  const std::string late = fmt::format("op '{}' reads '{}' before it is made",
                                       shown(ops[reader].name), shown(values[value].name));
  for (std::size_t o = 0; o < ops.size(); ++o) {
    if (o != reader && component[o] == component[reader]) {
      return fmt::format("{}: the graph has a cycle through '{}' and '{}'; an iteration is a DAG",
                         late, shown(ops[reader].name), shown(ops[o].name));
    }
  }
  return fmt::format("{}: 'ops' must stand in an order in which they can run", late);
}

void link_producers(IdVector<ValueId, Value>& values, const std::vector<Op>& ops) {
  for (std::size_t o = 0; o < ops.size(); ++o) {
    for (const ValueId v : ops[o].outputs) {
      Value& value = values[v];
      if (value.producer) {
        reject("value '{}' has two producers, '{}' and '{}'", value.name,
               ops[value.producer->index()].name, ops[o].name);
      }
      value.producer = OpId(o);
    }
    for (const ValueId v : ops[o].accumulates) {
      if (values[v].viewed) {
        reject("op '{}' accumulates into the view '{}'; name the value that owns the storage",
               ops[o].name, values[v].name);
      }
      values[v].contributors.push_back(OpId(o));
    }
  }
  for (Value& value : values) {
    if (value.producer && !value.contributors.empty()) {
      reject("value '{}' is both an output of '{}' and accumulated by '{}'", value.name,
             ops[value.producer->index()].name, ops[value.contributors.front().index()].name);
    }
    const bool is_made = value.producer || !value.contributors.empty();
    if (value.viewed && !is_made) {
      reject("no op makes the view '{}'; a view is an output of the op that takes it", value.name);
    }
    value.is_source = !is_made;
  }
  for (const Op& op : ops) {
    for (const ValueId v : op.updates) {
      if (!values[v].is_source) {
        reject("op '{}' updates '{}', which is not a source (an op makes it)", op.name,
               values[v].name);
      }
    }
  }
}

// An op that makes a view needs the storage under it: made by itself before the view, held by one
// of its inputs, or else by the owner itself.
void find_needs(const IdVector<ValueId, Value>& values, std::vector<Op>& ops) {
  for (Op& op : ops) {
    op.needs = op.inputs;
    const auto is_view = [&](ValueId v) { return values[v].viewed.has_value(); };
    if (std::none_of(op.outputs.begin(), op.outputs.end(), is_view)) continue;
    std::set<ValueId> outputs(op.outputs.begin(), op.outputs.end());  // those still to be made
    std::set<ValueId> storages;                                       // those under what is there
    for (const ValueId v : op.inputs) storages.insert(values[v].storage);
    for (const ValueId v : op.outputs) {
      outputs.erase(v);
      const ValueId storage = values[v].storage;
      if (!values[storage].is_source && !storages.contains(storage) && storage != v) {
        if (outputs.contains(storage)) {
          reject(
              "op '{}': its output '{}' is a view of '{}', which must stand before it in outputs",
              op.name, values[v].name, values[storage].name);
        }
        op.needs.push_back(storage);
      }
      storages.insert(storage);
    }
  }
}

void check_order(const IdVector<ValueId, Value>& values, const std::vector<Op>& ops) {
  IdVector<ValueId, std::size_t> missing(values.size());  // runs until the value can be read
  for (std::size_t v = 0; v < values.size(); ++v) {
    const Value& value = values[ValueId(v)];
    missing[ValueId(v)] = value.producer ? 1 : value.contributors.size();
  }
  for (std::size_t o = 0; o < ops.size(); ++o) {
    for (const ValueId v : ops[o].needs) {
      if (missing[v] != 0) throw InvalidInput(explain_order(ops, values, o, v));
    }
    for (const ValueId v : ops[o].outputs) --missing[v];
    for (const ValueId v : ops[o].accumulates) --missing[v];
  }
}

void link_readers(IdVector<ValueId, Value>& values, const std::vector<Op>& ops) {
  for (std::size_t o = 0; o < ops.size(); ++o) {
    for (const ValueId v : ops[o].needs) values[v].readers.push_back(OpId(o));
  }
}

}  // namespace

void link_graph(IdVector<ValueId, Value>& values, std::vector<Op>& ops) {
  link_producers(values, ops);
  find_needs(values, ops);
  check_order(values, ops);
  link_readers(values, ops);
}

}  // namespace rockmate
