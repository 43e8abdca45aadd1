// The judge. It keeps the plainest picture of memory, which values are resident and which storages
// they sit on, and checks the rules in the order in which docs/formats.md states them. It is
// written to be read beside that page, not to be fast.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <set>

#include "base/check.h"
#include "rockmate/schedule.h"

namespace rockmate {
namespace {

struct Storage {
  std::set<ValueId> users;  // resident values on it
  Bytes bytes;
  std::size_t row = 0;  // its lifetime, unless it is a source
};

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
    std::string broken;
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
        return Unexpected{
            Violation{std::nullopt, fmt::format("op '{}' never runs", graph_[OpId(o)].name)}};
      }
    }
    for (const ValueId v : graph_.results()) {
      if (!resident_.contains(v)) {
        return Unexpected{Violation{
            std::nullopt, fmt::format("result '{}' is not resident at the end", graph_[v].name)}};
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
  std::string free(const Free& action);
  std::string compute(const Compute& action);
  std::string check_inputs(OpId id, const Op& op) const;
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
  void take_over(const InPlace& in_place);

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

std::string Machine::make(ValueId v) {
  const ValueId root = graph_[v].storage;
  if (!storages_.contains(root)) {
    if (root != v) {
      return fmt::format("view '{}' is made while its storage '{}' is not resident", graph_[v].name,
                         graph_[root].name);
    }
    storages_[root] = {{}, graph_[root].bytes, trace_.lifetimes.size()};
    live_ += graph_[root].bytes;
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
void Machine::take_over(const InPlace& in_place) {
  const ValueId root = graph_[in_place.input].storage;
  Storage storage = std::move(storages_.at(root));
  storages_.erase(root);
  resident_.erase(in_place.input);
  storage.users = {in_place.output};
  storages_[in_place.output] = std::move(storage);
  resident_.insert(in_place.output);
}

std::string Machine::free(const Free& action) {
  const Value& value = graph_[action.value];
  if (!resident_.contains(action.value)) {
    return fmt::format("frees '{}', which is not resident", value.name);
  }
  if (value.is_source) {
    return fmt::format("frees '{}', a source, which stays for the whole iteration", value.name);
  }
  if (added_.contains(action.value) && is_pending(action.value)) {
    return fmt::format("drops the partial sum '{}', into which '{}' still adds", value.name,
                       graph_[next_contributor(action.value)].name);
  }
  drop(action.value);
  return {};
}

std::string Machine::check_inputs(OpId id, const Op& op) const {
  for (const ValueId v : op.inputs) {
    const std::string& name = graph_[v].name;
    if (!resident_.contains(v)) {
      return fmt::format("op '{}': its input '{}' is not resident", op.name, name);
    }
    if (is_pending(v)) {
      return fmt::format("op '{}': its input '{}' still waits for '{}'", op.name, name,
                         graph_[next_contributor(v)].name);
    }
    const auto update = updated_by_.find(graph_[v].storage);
    if (update != updated_by_.end() && id <= update->second) {
      return fmt::format("op '{}' reads '{}' after '{}' has updated it", op.name, name,
                         graph_[update->second].name);
    }
  }
  return {};
}

std::string Machine::check_in_place(const Op& op, const Compute& action) const {
  std::set<ValueId> outputs, inputs;
  for (const ValueId y : action.in_place) {
    const auto declared = std::find_if(op.in_place.begin(), op.in_place.end(),
                                       [&](const InPlace& pair) { return pair.output == y; });
    const bool skipped = std::find(action.skip.begin(), action.skip.end(), y) != action.skip.end();
    if (declared == op.in_place.end() || skipped || !outputs.insert(y).second ||
        !inputs.insert(declared->input).second) {
      return fmt::format("op '{}': '{}' cannot be written in place here", op.name, graph_[y].name);
    }
    const ValueId x = declared->input;
    if (graph_[x].is_source || resident_.contains(y) || storages_.contains(y)) {
      return fmt::format("op '{}': '{}' cannot take over the storage of '{}'", op.name,
                         graph_[y].name, graph_[x].name);
    }
    const Storage& storage = storages_.at(graph_[x].storage);
    if (storage.users != std::set<ValueId>{x}) {
      return fmt::format("op '{}': the storage of '{}' is still shared", op.name, graph_[x].name);
    }
    if (graph_[y].bytes > storage.bytes) {
      return fmt::format("op '{}': '{}' does not fit into the storage of '{}'", op.name,
                         graph_[y].name, graph_[x].name);
    }
  }
  return {};
}

std::string Machine::check_sums(OpId id, const Op& op) const {
  for (const ValueId v : op.accumulates) {
    if (next_contributor(v) != id) {
      return fmt::format("op '{}' adds into '{}' before '{}' does", op.name, graph_[v].name,
                         graph_[next_contributor(v)].name);
    }
  }
  return {};
}

std::string Machine::compute(const Compute& action) {
  const Op& op = graph_[action.op];
  if (runs_[action.op] > 0 && !op.recomputable) {
    return fmt::format("op '{}' may run only once", op.name);
  }
  if (std::string broken = check_inputs(action.op, op); !broken.empty()) return broken;
  for (const ValueId v : action.skip) {
    if (!op.is_optional(v)) {
      return fmt::format("op '{}': '{}' is skipped but not optional", op.name, graph_[v].name);
    }
  }
  if (std::string broken = check_in_place(op, action); !broken.empty()) return broken;
  if (std::string broken = check_sums(action.op, op); !broken.empty()) return broken;
  if (action.implementation >= op.implementations.size()) {
    return fmt::format("op '{}' has no implementation {}", op.name, action.implementation);
  }

  const auto listed = [](const std::vector<ValueId>& list, ValueId v) {
    return std::find(list.begin(), list.end(), v) != list.end();
  };
  for (const ValueId v : op.outputs) {
    if (resident_.contains(v) || listed(action.skip, v) || listed(action.in_place, v)) continue;
    if (std::string broken = make(v); !broken.empty()) return broken;
  }
  for (const ValueId v : op.accumulates) {
    if (!resident_.contains(v)) make(v);
    ++added_[v];
  }
  for (const ValueId v : op.updates) updated_by_[v] = action.op;

  const Implementation& implementation = op.implementations[action.implementation];
  if (implementation.workspace > Bytes()) {
    trace_.workspaces.push_back({now_, implementation.workspace});
  }
  trace_.seconds += implementation.seconds;
  if (runs_[action.op]++ > 0) ++trace_.recomputations;
  trace_.live.push_back(live_ + implementation.workspace);
  if (trace_.live.back() > trace_.peak) {
    trace_.peak = trace_.live.back();
    trace_.peak_action = now_;
  }
  for (const InPlace& pair : op.in_place) {
    if (listed(action.in_place, pair.output)) take_over(pair);
  }
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
