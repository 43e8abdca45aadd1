// The judge. It keeps the plainest picture of memory, which values are resident and which storages
// they sit on, and checks the rules in the order in which docs/formats.md states them. It is
// written to be read beside that page, not to be fast.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <set>

#include "base/shown.h"
#include "rockmate/schedule.h"

namespace rockmate {
namespace {

struct Storage {
  std::set<ValueId> users;  // resident values on it
  Bytes bytes;
  std::size_t row = 0;  // its lifetime, unless it is a source
};

constexpr const char* kTooMuch = "needs more than 2^63 - 1 bytes";

// In-place runs keep large storages under small values, so that the values' sizes, whose sum is
// known to fit, do not bound what lives.
std::optional<Bytes> sum(Bytes a, Bytes b) {
  std::int64_t total = 0;
  if (__builtin_add_overflow(a.count(), b.count(), &total)) return std::nullopt;
  return Bytes(total);
}

class Machine {
 public:
  explicit Machine(const TrainingGraph& graph) : graph_(graph), runs_(graph.ops().size()) {
    for (std::size_t i = 0; i < graph.values().size(); ++i) {
      const ValueId v(i);
      if (!graph[v].is_source) continue;
      resident_.insert(v);
      storages_[v] = {{v}, graph[v].bytes, 0};
    }
    trace_.static_bytes = trace_.peak = live_ = graph.static_bytes();
  }

  std::optional<Violation> step(const Action& action) {
    std::string broken = check_ids(action);
    if (!broken.empty()) return Violation{now_, fmt::format("action {}: {}", now_, broken)};
    if (const auto* free = std::get_if<Free>(&action)) {
      broken = this->free(*free);
      trace_.live.push_back(live_);
    } else {
      broken = compute(std::get<Compute>(action));
    }
    if (!broken.empty()) return Violation{now_, fmt::format("action {}: {}", now_, broken)};
    ++now_;
    return std::nullopt;
  }

  Expected<MemoryTrace, Violation> finish() {
    for (std::size_t o = 0; o < runs_.size(); ++o) {
      if (runs_[OpId(o)] == 0) {
        return Unexpected{Violation{
            std::nullopt, fmt::format("op '{}' never runs", shown(graph_[OpId(o)].name))}};
      }
    }
    for (const ValueId v : graph_.results()) {
      if (!resident_.contains(v)) {
        return Unexpected{Violation{
            std::nullopt,
            fmt::format("result '{}' is not resident at the end", shown(graph_[v].name))}};
      }
    }
    for (const auto& [root, storage] : storages_) {
      if (!graph_[root].is_source) trace_.lifetimes[storage.row].last = now_ - 1;
    }
    std::erase_if(trace_.lifetimes,
                  [](const StorageLifetime& lifetime) { return lifetime.bytes == Bytes(); });
    return std::move(trace_);
  }

 private:
  // Each returns the rule that is broken, or nothing.
  [[nodiscard]] std::string check_ids(const Action& action) const;
  std::string free(const Free& action);
  std::string compute(const Compute& action);
  std::string check_inputs(OpId id, const Op& op) const;
  std::string check_compute(const Compute& action) const;
  std::string check_skips(const Op& op, const Compute& action) const;
  std::string check_in_place(const Op& op, const Compute& action) const;
  std::string check_sums(OpId id, const Op& op) const;

  [[nodiscard]] bool is_pending(ValueId v) const {
    return added_.contains(v) ? added_.at(v) < graph_[v].contributors.size()
                              : !graph_[v].contributors.empty();
  }
  [[nodiscard]] OpId next_contributor(ValueId v) const {
    const std::size_t done = added_.contains(v) ? added_.at(v) : 0;
    return graph_[v].contributors[done];
  }

  std::string make(ValueId v);
  void drop(ValueId v);
  void take_over(const Op& op, const Compute& action);

  const TrainingGraph& graph_;
  std::set<ValueId> resident_;
  std::map<ValueId, Storage> storages_;   // by the value that owns, or took over, the bytes
  std::map<ValueId, std::size_t> added_;  // contributions so far, of sums that have begun
  std::map<ValueId, OpId> updated_by_;
  IdVector<OpId, std::size_t> runs_;
  Bytes live_;
  std::size_t now_ = 0;
  MemoryTrace trace_;
};

std::string Machine::check_ids(const Action& action) const {
  const auto is_known = [&](ValueId v) { return v.index() < graph_.values().size(); };
  bool all_known = true;
  if (const auto* free = std::get_if<Free>(&action)) {
    all_known = is_known(free->value);
  } else {
    const auto& compute = std::get<Compute>(action);
    all_known = compute.op.index() < graph_.ops().size() &&
                std::all_of(compute.in_place.begin(), compute.in_place.end(), is_known) &&
                std::all_of(compute.skip.begin(), compute.skip.end(), is_known);
  }
  return all_known ? "" : "names an op or a value that the graph does not have";
}

std::string Machine::make(ValueId v) {
  const ValueId root = graph_[v].storage;
  if (!storages_.contains(root)) {
    if (root != v) {
      return fmt::format("view '{}' is made while its storage '{}' is not resident",
                         shown(graph_[v].name), shown(graph_[root].name));
    }
    const std::optional<Bytes> live = sum(live_, graph_[root].bytes);
    if (!live) return kTooMuch;
    live_ = *live;
    storages_[root] = {{}, graph_[root].bytes, trace_.lifetimes.size()};
    trace_.lifetimes.push_back({root, now_, now_, graph_[root].bytes});
  }
  storages_[root].users.insert(v);
  resident_.insert(v);
  return {};
}

void Machine::drop(ValueId v) {
  Storage& storage = storages_.at(graph_[v].storage);
  resident_.erase(v);
  storage.users.erase(v);
  if (!storage.users.empty()) return;
  live_ -= storage.bytes;
  trace_.lifetimes[storage.row].last = now_;
  storages_.erase(graph_[v].storage);
}

// The storage, its size and its row live on under the output.
void Machine::take_over(const Op& op, const Compute& action) {
  const std::set<ValueId> outputs(action.in_place.begin(), action.in_place.end());
  for (const InPlace& pair : op.in_place) {
    if (!outputs.contains(pair.output)) continue;
    const ValueId root = graph_[pair.input].storage;
    Storage storage = std::move(storages_.at(root));
    storages_.erase(root);
    resident_.erase(pair.input);
    storage.users = {pair.output};
    storages_[pair.output] = std::move(storage);
    resident_.insert(pair.output);
  }
}

std::string Machine::free(const Free& action) {
  const Value& value = graph_[action.value];
  if (!resident_.contains(action.value)) {
    return fmt::format("frees '{}', which is not resident", shown(value.name));
  }
  if (value.is_source) {
    return fmt::format("frees '{}', a source, which stays for the whole iteration",
                       shown(value.name));
  }
  if (added_.contains(action.value) && is_pending(action.value)) {
    return fmt::format("drops the partial sum '{}', into which '{}' still adds", shown(value.name),
                       shown(graph_[next_contributor(action.value)].name));
  }
  drop(action.value);
  return {};
}

std::string Machine::check_inputs(OpId id, const Op& op) const {
  for (const ValueId v : op.inputs) {
    if (!resident_.contains(v)) {
      return fmt::format("op '{}': its input '{}' is not resident", shown(op.name),
                         shown(graph_[v].name));
    }
    if (is_pending(v)) {
      return fmt::format("op '{}': its input '{}' still waits for '{}'", shown(op.name),
                         shown(graph_[v].name), shown(graph_[next_contributor(v)].name));
    }
    const auto update = updated_by_.find(graph_[v].storage);
    if (update != updated_by_.end() && id <= update->second) {
      return fmt::format("op '{}' reads '{}' after '{}' has updated it", shown(op.name),
                         shown(graph_[v].name), shown(graph_[update->second].name));
    }
  }
  return {};
}

std::string Machine::check_in_place(const Op& op, const Compute& action) const {
  if (action.in_place.empty()) return {};
  std::map<ValueId, ValueId> declared;
  for (const InPlace& pair : op.in_place) declared.emplace(pair.output, pair.input);
  std::set<ValueId> outputs, inputs;
  std::set<ValueId> absent(action.skip.begin(), action.skip.end());
  for (const ValueId y : action.in_place) {
    if (!declared.contains(y) || absent.contains(y) || !outputs.insert(y).second ||
        !inputs.insert(declared.at(y)).second) {
      return fmt::format("op '{}': '{}' cannot be written in place here", shown(op.name),
                         shown(graph_[y].name));
    }
    const ValueId x = declared.at(y);
    if (graph_[x].is_source || resident_.contains(y) || storages_.contains(y)) {
      return fmt::format("op '{}': '{}' cannot take over the storage of '{}'", shown(op.name),
                         shown(graph_[y].name), shown(graph_[x].name));
    }
    const Storage& storage = storages_.at(graph_[x].storage);
    if (storage.users != std::set<ValueId>{x}) {
      return fmt::format("op '{}': the storage of '{}' is still shared", shown(op.name),
                         shown(graph_[x].name));
    }
    if (graph_[y].bytes > storage.bytes) {
      return fmt::format("op '{}': '{}' does not fit into the storage of '{}'", shown(op.name),
                         shown(graph_[y].name), shown(graph_[x].name));
    }
  }
  // The run itself must not make another value on a storage that it gives away.
  std::map<ValueId, ValueId> taken;
  for (const ValueId x : inputs) taken.emplace(graph_[x].storage, x);
  for (const ValueId v : op.outputs) {
    const auto it = taken.find(graph_[v].storage);
    if (it == taken.end() || absent.contains(v)) continue;
    return fmt::format("op '{}': '{}', which it makes, shares the storage of '{}'", shown(op.name),
                       shown(graph_[v].name), shown(graph_[it->second].name));
  }
  return {};
}

std::string Machine::check_sums(OpId id, const Op& op) const {
  for (const ValueId v : op.accumulates) {
    if (next_contributor(v) != id) {
      return fmt::format("op '{}' adds into '{}' before '{}' does", shown(op.name),
                         shown(graph_[v].name), shown(graph_[next_contributor(v)].name));
    }
  }
  return {};
}

std::string Machine::check_skips(const Op& op, const Compute& action) const {
  if (action.skip.empty()) return {};
  const std::set<ValueId> optional(op.optional.begin(), op.optional.end());
  for (const ValueId v : action.skip) {
    if (!optional.contains(v)) {
      return fmt::format("op '{}': '{}' is skipped but not optional", shown(op.name),
                         shown(graph_[v].name));
    }
  }
  return {};
}

std::string Machine::check_compute(const Compute& action) const {
  const Op& op = graph_[action.op];
  if (runs_[action.op] > 0 && !op.recomputable) {
    return fmt::format("op '{}' may run only once", shown(op.name));
  }
  if (std::string broken = check_inputs(action.op, op); !broken.empty()) return broken;
  if (std::string broken = check_skips(op, action); !broken.empty()) return broken;
  if (std::string broken = check_in_place(op, action); !broken.empty()) return broken;
  if (std::string broken = check_sums(action.op, op); !broken.empty()) return broken;
  if (action.implementation >= op.implementations.size()) {
    return fmt::format("op '{}' has no implementation {}", shown(op.name), action.implementation);
  }
  return {};
}

std::string Machine::compute(const Compute& action) {
  if (std::string broken = check_compute(action); !broken.empty()) return broken;
  const Op& op = graph_[action.op];
  std::set<ValueId> not_allocated(action.skip.begin(), action.skip.end());
  not_allocated.insert(action.in_place.begin(), action.in_place.end());
  for (const ValueId v : op.outputs) {
    if (resident_.contains(v) || not_allocated.contains(v)) continue;
    if (std::string broken = make(v); !broken.empty()) return broken;
  }
  for (const ValueId v : op.accumulates) {
    if (!resident_.contains(v)) {
      if (std::string broken = make(v); !broken.empty()) return broken;
    }
    ++added_[v];
  }
  for (const ValueId v : op.updates) updated_by_[v] = action.op;

  const Implementation& implementation = op.implementations[action.implementation];
  const std::optional<Bytes> live = sum(live_, implementation.workspace);
  if (!live) return kTooMuch;
  if (implementation.workspace > Bytes()) {
    trace_.workspaces.push_back({now_, implementation.workspace});
  }
  trace_.seconds += implementation.seconds;
  if (runs_[action.op]++ > 0) ++trace_.recomputations;
  trace_.live.push_back(*live);
  if (*live > trace_.peak) {
    trace_.peak = *live;
    trace_.peak_action = now_;
  }
  take_over(op, action);
  return {};
}

}  // namespace

Expected<MemoryTrace, Violation> simulate(const TrainingGraph& graph, const Schedule& schedule) {
  Machine machine(graph);
  for (const Action& action : schedule) {
    if (auto violation = machine.step(action)) return Unexpected{std::move(*violation)};
  }
  return machine.finish();
}

std::ostream& operator<<(std::ostream& out, const Violation& violation) {
  return out << violation.message;
}

}  // namespace rockmate
