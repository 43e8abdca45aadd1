// Resolves names and checks every rule of the format once, so that nobody after it has to.

#include <algorithm>
#include <cmath>

#include "graph/graph_links.h"
#include "graph/name_resolver.h"
#include "graph/reject.h"
#include "rockmate/training_graph.h"

namespace rockmate {
namespace {

struct Sums {
  Bytes static_bytes;
  Seconds plain_seconds;
};

// Every figure that anyone computes later is at most the sum of all bytes.
Sums add_up(const IdVector<ValueId, Value>& values, const std::vector<Op>& ops) {
  Sums sums;
  std::int64_t total = 0;
  const auto add = [&](Bytes bytes, const std::string& name) {
    if (__builtin_add_overflow(total, bytes.count(), &total)) {
      reject("'{}': the sizes of this graph add up to more than 2^63 - 1 bytes", name);
    }
  };
  for (const Value& value : values) {
    add(value.bytes, value.name);
    if (value.is_source) sums.static_bytes += value.bytes;
  }
  for (const Op& op : ops) {
    Bytes largest;
    for (const Implementation& i : op.implementations) largest = std::max(largest, i.workspace);
    add(largest, op.name);
    sums.plain_seconds += op.seconds();
  }
  if (!std::isfinite(sums.plain_seconds.count())) {
    reject("the seconds of all ops add up to infinity; scale them down");
  }
  return sums;
}

}  // namespace

TrainingGraphBuilder& TrainingGraphBuilder::name(std::string name) {
  name_ = std::move(name);
  return *this;
}

TrainingGraphBuilder& TrainingGraphBuilder::value(ValueSpec spec) {
  values_.push_back(std::move(spec));
  return *this;
}

TrainingGraphBuilder& TrainingGraphBuilder::op(OpSpec spec) {
  ops_.push_back(std::move(spec));
  return *this;
}

TrainingGraphBuilder& TrainingGraphBuilder::result(std::string name) {
  results_.push_back(std::move(name));
  return *this;
}

TrainingGraph TrainingGraphBuilder::build() && {
  NameResolver resolver;
  resolver.value_by_name.reserve(values_.size());
  resolver.op_by_name.reserve(ops_.size());
  resolver.ops.reserve(ops_.size());
  resolver.add_values(values_);
  resolver.resolve_views(values_);
  for (OpSpec& spec : ops_) resolver.add_op(std::move(spec));
  link_graph(resolver.values, resolver.ops);
  const Sums sums = add_up(resolver.values, resolver.ops);

  TrainingGraph graph;
  graph.name_ = std::move(name_);
  for (const std::string& name : results_) {
    const auto it = resolver.value_by_name.find(name);
    if (it == resolver.value_by_name.end()) reject("results names the unknown value '{}'", name);
    bool& is_result = resolver.values[it->second].is_result;
    if (!is_result) graph.results_.push_back(it->second);
    is_result = true;
  }
  graph.values_ = std::move(resolver.values);
  for (Op& op : resolver.ops) graph.ops_.push_back(std::move(op));
  graph.value_by_name_ = std::move(resolver.value_by_name);
  graph.op_by_name_ = std::move(resolver.op_by_name);
  graph.static_bytes_ = sums.static_bytes;
  graph.plain_seconds_ = sums.plain_seconds;
  return graph;
}

}  // namespace rockmate
