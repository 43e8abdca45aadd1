// Resolves names and checks every rule of the format once, so that nobody after it has to.

#include <fmt/format.h>

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/strong_components.hpp>
#include <cmath>
#include <set>

#include "base/shown.h"
#include "rockmate/error.h"
#include "rockmate/training_graph.h"

namespace rockmate {
namespace {

// Names come from outside: in a message they are one line and not too long.
std::string name_of(const std::string& name) { return shown(name); }
template <class T>
const T& name_of(const T& other) {
  return other;
}

template <class... Args>
[[noreturn]] void reject(fmt::format_string<Args...> format, const Args&... args) {
  throw InvalidInput(fmt::format(fmt::runtime(fmt::string_view(format)), name_of(args)...));
}

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

namespace {

// The stages of `build`, in the order in which they run.
class Resolver {
 public:
  using Names = std::unordered_map<std::string, ValueId>;
  IdVector<ValueId, Value> values;
  std::vector<Op> ops;
  Names value_by_name;
  std::unordered_map<std::string, OpId> op_by_name;
  Bytes static_bytes;
  Seconds plain_seconds;

  void add_values(std::vector<ValueSpec>& specs);
  void resolve_views(const std::vector<ValueSpec>& specs);
  void add_op(OpSpec spec);
  void link_producers();
  void find_needs();
  void check_order() const;
  void link_readers();
  void check_sums();

 private:
  [[nodiscard]] ValueId resolve(const OpSpec& op, const char* field, const std::string& name) const;
  [[nodiscard]] std::vector<ValueId> resolve_all(const OpSpec& op, const char* field,
                                                 const std::vector<std::string>& names) const;
  void check_optional(const Op& op) const;
  void resolve_in_place(const OpSpec& spec, Op& op) const;
  static void add_implementations(OpSpec& spec, Op& op);
};

void Resolver::add_values(std::vector<ValueSpec>& specs) {
  for (ValueSpec& spec : specs) {
    const ValueId id(values.size());
    if (!value_by_name.emplace(spec.name, id).second) {
      reject("value '{}' is declared twice; names of values are unique", spec.name);
    }
    if (spec.bytes < Bytes()) {
      reject("value '{}': bytes is {}, expected a whole number >= 0", spec.name,
             spec.bytes.count());
    }
    for (const std::int64_t extent : spec.shape) {
      if (extent < 0) {
        reject("value '{}': shape has {}, expected whole numbers >= 0", spec.name, extent);
      }
    }
    Value value;
    value.name = std::move(spec.name);
    value.bytes = spec.alias_of ? Bytes() : spec.bytes;
    value.kind = spec.kind;
    value.storage = id;
    value.shape = std::move(spec.shape);
    value.dtype = std::move(spec.dtype);
    values.push_back(std::move(value));
  }
}

void Resolver::resolve_views(const std::vector<ValueSpec>& specs) {
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (!specs[i].alias_of) continue;
    Value& view = values[ValueId(i)];
    const auto it = value_by_name.find(*specs[i].alias_of);
    if (it == value_by_name.end()) {
      reject("value '{}' is a view of the unknown value '{}'", view.name, *specs[i].alias_of);
    }
    view.viewed = it->second;
  }
  // 0 unvisited, 1 on the path, 2 done; a path of views ends at the value that owns the bytes.
  IdVector<ValueId, char> state(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::vector<ValueId> path;
    ValueId v(i);
    for (; values[v].viewed && state[v] == 0; v = *values[v].viewed) {
      state[v] = 1;
      path.push_back(v);
    }
    if (state[v] == 1)
      reject("value '{}' is a view of itself (a cycle of alias_of)", values[v].name);
    for (const ValueId on_path : path) {
      values[on_path].storage = values[v].storage;
      state[on_path] = 2;
    }
  }
}

ValueId Resolver::resolve(const OpSpec& op, const char* field, const std::string& name) const {
  const auto it = value_by_name.find(name);
  if (it == value_by_name.end()) {
    reject("op '{}': {} names the unknown value '{}'", op.name, field, name);
  }
  return it->second;
}

std::vector<ValueId> Resolver::resolve_all(const OpSpec& op, const char* field,
                                           const std::vector<std::string>& names) const {
  std::vector<ValueId> ids;
  ids.reserve(names.size());
  std::set<ValueId> seen;
  for (const std::string& name : names) {
    const ValueId id = resolve(op, field, name);
    if (names.size() == 1 || seen.insert(id).second) ids.push_back(id);
  }
  return ids;
}

// The default has no name.
void check_cost(const std::string& op, const Implementation& implementation) {
  const auto fail = [&](const std::string& reason) {
    const std::string which = implementation.name.empty() ? ""
                                                          : fmt::format("implementation '{}': ",
                                                                        shown(implementation.name));
    throw InvalidInput(fmt::format("op '{}': {}{}", shown(op), which, reason));
  };
  const double s = implementation.seconds.count();
  if (!std::isfinite(s) || s < 0) {
    fail(fmt::format("seconds is {}, expected a finite number >= 0 (an unknown cost is an error)",
                     s));
  }
  if (implementation.workspace < Bytes()) {
    fail(fmt::format("workspace is {}, expected a whole number >= 0",
                     implementation.workspace.count()));
  }
}

void Resolver::resolve_in_place(const OpSpec& spec, Op& op) const {
  if (spec.in_place.empty()) return;
  const std::set<ValueId> outputs(op.outputs.begin(), op.outputs.end());
  const std::set<ValueId> inputs(op.inputs.begin(), op.inputs.end());
  std::set<ValueId> taking;
  for (const auto& [y, x] : spec.in_place) {
    const ValueId output = resolve(spec, "in_place", y);
    const ValueId input = resolve(spec, "in_place", x);
    if (!outputs.contains(output) || !inputs.contains(input)) {
      reject("op '{}': in_place '{}': '{}' must name one of its outputs and one of its inputs",
             op.name, y, x);
    }
    if (values[output].viewed) {
      reject("op '{}': in_place '{}' is a view, which has no storage of its own", op.name, y);
    }
    if (!taking.insert(output).second) {
      reject("op '{}': in_place names the output '{}' twice", op.name, y);
    }
    op.in_place.push_back({output, input});
  }
}

void Resolver::add_implementations(OpSpec& spec, Op& op) {
  op.implementations.push_back({"", spec.seconds, spec.workspace, ""});
  check_cost(op.name, op.implementations.front());
  std::set<std::string> names = {""};
  for (Implementation& implementation : spec.implementations) {
    if (!names.insert(implementation.name).second) {
      reject("op '{}': implementation '{}': expected a name that is not empty and stands once",
             op.name, implementation.name);
    }
    check_cost(op.name, implementation);
    op.implementations.push_back(std::move(implementation));
  }
  if (op.implementations.size() > std::numeric_limits<std::uint16_t>::max()) {
    reject("op '{}' has {} implementations, expected fewer than 65536", op.name,
           op.implementations.size());
  }
}

void Resolver::check_optional(const Op& op) const {
  if (op.optional.empty()) return;
  const std::set<ValueId> outputs(op.outputs.begin(), op.outputs.end());
  for (const ValueId v : op.optional) {
    if (!outputs.contains(v)) {
      reject("op '{}': optional names '{}', which is not one of its outputs", op.name,
             values[v].name);
    }
  }
}

void Resolver::add_op(OpSpec spec) {
  const OpId id(ops.size());
  if (!op_by_name.emplace(spec.name, id).second) {
    reject("op '{}' is declared twice; names of ops are unique", spec.name);
  }
  Op op;
  op.name = spec.name;
  op.phase = spec.phase;
  op.inputs = resolve_all(spec, "inputs", spec.inputs);
  op.outputs = resolve_all(spec, "outputs", spec.outputs);
  op.optional = resolve_all(spec, "optional", spec.optional);
  op.accumulates = resolve_all(spec, "accumulates", spec.accumulates);
  op.updates = resolve_all(spec, "updates", spec.updates);
  if (op.outputs.size() != spec.outputs.size()) {
    reject("op '{}': outputs names a value twice", op.name);
  }
  if (op.accumulates.size() != spec.accumulates.size()) {
    reject("op '{}': accumulates names a value twice; a run adds into it once", op.name);
  }
  check_optional(op);
  resolve_in_place(spec, op);
  add_implementations(spec, op);

  if (!op.accumulates.empty() && spec.recomputable.value_or(false)) {
    reject("op '{}' accumulates, so it runs once: it cannot be recomputable", op.name);
  }
  op.recomputable = op.accumulates.empty() && op.updates.empty() &&
                    spec.recomputable.value_or(op.phase == Phase::kForward);
  ops.push_back(std::move(op));
}

void Resolver::link_producers() {
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
void Resolver::find_needs() {
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

void Resolver::check_order() const {
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

void Resolver::link_readers() {
  for (std::size_t o = 0; o < ops.size(); ++o) {
    for (const ValueId v : ops[o].needs) values[v].readers.push_back(OpId(o));
  }
}

// Every figure that anyone computes later is at most the sum of all bytes.
void Resolver::check_sums() {
  std::int64_t total = 0;
  const auto add = [&](Bytes bytes, const std::string& name) {
    if (__builtin_add_overflow(total, bytes.count(), &total)) {
      reject("'{}': the sizes of this graph add up to more than 2^63 - 1 bytes", name);
    }
  };
  for (const Value& value : values) {
    add(value.bytes, value.name);
    if (value.is_source) static_bytes += value.bytes;
  }
  for (const Op& op : ops) {
    Bytes largest;
    for (const Implementation& i : op.implementations) largest = std::max(largest, i.workspace);
    add(largest, op.name);
    plain_seconds += op.seconds();
  }
  if (!std::isfinite(plain_seconds.count())) {
    reject("the seconds of all ops add up to infinity; scale them down");
  }
}

}  // namespace

TrainingGraph TrainingGraphBuilder::build() && {
  Resolver resolver;
  resolver.value_by_name.reserve(values_.size());
  resolver.op_by_name.reserve(ops_.size());
  resolver.ops.reserve(ops_.size());
  resolver.add_values(values_);
  resolver.resolve_views(values_);
  for (OpSpec& spec : ops_) resolver.add_op(std::move(spec));
  resolver.link_producers();
  resolver.find_needs();
  resolver.check_order();
  resolver.link_readers();
  resolver.check_sums();

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
  graph.static_bytes_ = resolver.static_bytes;
  graph.plain_seconds_ = resolver.plain_seconds;
  return graph;
}

}  // namespace rockmate
