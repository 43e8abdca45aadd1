#include "graph/name_resolver.h"

#include <cmath>
#include <limits>
#include <set>

#include "graph/reject.h"

namespace rockmate {
namespace {

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

}  // namespace

void NameResolver::add_values(std::vector<ValueSpec>& specs) {
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

void NameResolver::resolve_views(const std::vector<ValueSpec>& specs) {
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

ValueId NameResolver::resolve(const OpSpec& op, const char* field, const std::string& name) const {
  const auto it = value_by_name.find(name);
  if (it == value_by_name.end()) {
    reject("op '{}': {} names the unknown value '{}'", op.name, field, name);
  }
  return it->second;
}

std::vector<ValueId> NameResolver::resolve_all(const OpSpec& op, const char* field,
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

void NameResolver::resolve_in_place(const OpSpec& spec, Op& op) const {
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

void NameResolver::add_implementations(OpSpec& spec, Op& op) {
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

void NameResolver::check_optional(const Op& op) const {
  if (op.optional.empty()) return;
  const std::set<ValueId> outputs(op.outputs.begin(), op.outputs.end());
  for (const ValueId v : op.optional) {
    if (!outputs.contains(v)) {
      reject("op '{}': optional names '{}', which is not one of its outputs", op.name,
             values[v].name);
    }
  }
}

void NameResolver::add_op(OpSpec spec) {
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

}  // namespace rockmate
