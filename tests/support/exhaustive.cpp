// Dijkstra over states (ops that have run, resident values, sizes of storages that were taken over)
// with labels (seconds, peak). Labels are taken up by rising seconds, then peak; one is useless if
// its state was reached before with no higher peak.

#include "support/exhaustive.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <queue>
#include <set>
#include <tuple>

#include "support/random_graph.h"

namespace rockmate::testing {
namespace {

using Set = std::uint64_t;  // of ops, or of values

Set bit(OpId op) { return Set{1} << op.index(); }
Set bit(ValueId value) { return Set{1} << value.index(); }

struct State {
  Set ran = 0;
  Set resident = 0;
  std::size_t stage_from = 0;  // the first op that may still run again before the next first run
  std::map<ValueId, Bytes> taken_over;  // storages that are larger than the value on them
  auto key() const { return std::tie(ran, resident, stage_from, taken_over); }
  bool operator<(const State& other) const { return key() < other.key(); }
};

struct Label {
  Seconds seconds;
  Bytes peak;
  State state;
  std::size_t parent = 0;
  std::optional<Action> action;  // that led here
};

class Search {
 public:
  Search(const TrainingGraph& graph, std::size_t max_labels, RunOrder order)
      : graph_(graph), max_labels_(max_labels), order_(order) {}

  std::optional<std::vector<ParetoPoint>> run() {
    Label start;
    for (std::size_t i = 0; i < graph_.values().size(); ++i) {
      if (graph_[ValueId(i)].is_source) start.state.resident |= bit(ValueId(i));
    }
    start.peak = live(start.state);
    push(std::move(start));
    std::vector<ParetoPoint> front;
    while (!queue_.empty()) {
      if (labels_.size() > max_labels_) return std::nullopt;
      const std::size_t at = std::get<2>(queue_.top());
      queue_.pop();
      const Label label = labels_[at];
      const auto [it, is_new] = least_peak_.emplace(label.state, label.peak);
      if (!is_new && it->second <= label.peak) continue;
      it->second = label.peak;
      if (is_goal(label.state) && (front.empty() || label.peak < front.back().peak)) {
        front.push_back({label.peak, label.seconds, schedule_to(at)});
      }
      expand(at, label);
    }
    std::reverse(front.begin(), front.end());
    return front;
  }

 private:
  bool has(const State& state, ValueId v) const { return (state.resident & bit(v)) != 0; }
  bool has_run(const State& state, OpId op) const { return (state.ran & bit(op)) != 0; }

  // Resident values by the storage on which they sit.
  std::map<ValueId, Set> storages(const State& state) const {
    std::map<ValueId, Set> users;
    for (std::size_t i = 0; i < graph_.values().size(); ++i) {
      if (has(state, ValueId(i))) users[graph_[ValueId(i)].storage] |= bit(ValueId(i));
    }
    return users;
  }

  Bytes size(const State& state, ValueId storage) const {
    const auto it = state.taken_over.find(storage);
    return it == state.taken_over.end() ? graph_[storage].bytes : it->second;
  }

  Bytes live(const State& state) const {
    Bytes bytes;
    for (const auto& [storage, users] : storages(state)) bytes += size(state, storage);
    return bytes;
  }

  bool is_goal(const State& state) const {
    for (std::size_t o = 0; o < graph_.ops().size(); ++o) {
      if (!has_run(state, OpId(o))) return false;
    }
    return std::all_of(graph_.results().begin(), graph_.results().end(),
                       [&](ValueId v) { return has(state, v); });
  }

  bool is_complete(const State& state, ValueId v) const {
    const auto& adders = graph_[v].contributors;
    return std::all_of(adders.begin(), adders.end(), [&](OpId op) { return has_run(state, op); });
  }

  // In stages, ops that have run are those before some op, which is the next to run first.
  bool is_in_turn(const State& state, OpId id) const {
    if (has_run(state, id)) return id.index() >= state.stage_from;
    return id.index() == 0 || has_run(state, OpId(id.index() - 1));
  }

  bool may_run(const State& state, OpId id) const {
    const Op& op = graph_[id];
    if (order_ == RunOrder::kStages && !is_in_turn(state, id)) return false;
    if (has_run(state, id) && !op.recomputable) return false;
    for (const ValueId v : op.inputs) {
      if (!has(state, v) || !is_complete(state, v)) return false;
      for (std::size_t u = id.index(); u < graph_.ops().size(); ++u) {
        const auto& updates = graph_[OpId(u)].updates;
        const bool updates_it =
            std::find(updates.begin(), updates.end(), graph_[v].storage) != updates.end();
        if (updates_it && has_run(state, OpId(u))) return false;
      }
    }
    for (const ValueId v : op.accumulates) {
      for (const OpId other : graph_[v].contributors) {
        if (other == id) break;
        if (!has_run(state, other)) return false;
      }
    }
    return true;
  }

  void expand(std::size_t at, const Label& label) {
    for (std::size_t i = 0; i < graph_.values().size(); ++i) {
      const ValueId v(i);
      if (!has(label.state, v) || graph_[v].is_source || !is_complete(label.state, v)) continue;
      Label next = label;
      next.state.resident &= ~bit(v);
      forget_sizes(next.state);
      add(at, std::move(next), Free{v});
    }
    for (std::size_t o = 0; o < graph_.ops().size(); ++o) {
      if (!may_run(label.state, OpId(o))) continue;
      const Op& op = graph_[OpId(o)];
      for (std::size_t way = 0; way < op.implementations.size(); ++way) {
        for_subsets(op.optional, [&](const std::vector<ValueId>& skip) {
          std::vector<ValueId> candidates;
          for (const InPlace& pair : op.in_place) candidates.push_back(pair.output);
          for_subsets(candidates, [&](const std::vector<ValueId>& in_place) {
            compute(at, label, {OpId(o), static_cast<std::uint16_t>(way), in_place, skip});
          });
        });
      }
    }
  }

  template <class Callback>
  static void for_subsets(const std::vector<ValueId>& items, const Callback& callback) {
    for (std::size_t mask = 0; mask < std::size_t{1} << items.size(); ++mask) {
      std::vector<ValueId> subset;
      for (std::size_t k = 0; k < items.size(); ++k) {
        if ((mask >> k & 1) != 0) subset.push_back(items[k]);
      }
      callback(subset);
    }
  }

  void compute(std::size_t at, const Label& label, const Compute& action) {
    const Op& op = graph_[action.op];
    const auto listed = [](const std::vector<ValueId>& list, ValueId v) {
      return std::find(list.begin(), list.end(), v) != list.end();
    };
    const std::map<ValueId, Set> before = storages(label.state);
    std::map<ValueId, ValueId> taken;  // output -> input
    std::set<ValueId> inputs;
    for (const InPlace& pair : op.in_place) {
      if (!listed(action.in_place, pair.output)) continue;
      const ValueId root = graph_[pair.input].storage;
      if (listed(action.skip, pair.output) || graph_[pair.input].is_source ||
          !inputs.insert(pair.input).second || before.contains(pair.output) ||
          before.at(root) != bit(pair.input) ||
          graph_[pair.output].bytes > size(label.state, root)) {
        return;
      }
      taken[pair.output] = pair.input;
    }
    Label next = label;
    if (order_ == RunOrder::kStages) {
      next.state.stage_from = has_run(label.state, action.op) ? action.op.index() + 1 : 0;
    }
    next.state.ran |= bit(action.op);
    for (const ValueId v : op.outputs) {
      if (listed(action.skip, v) || taken.contains(v) || has(next.state, v)) continue;
      const ValueId root = graph_[v].storage;
      if (root != v && !storages(next.state).contains(root)) return;
      next.state.resident |= bit(v);
    }
    for (const ValueId v : op.accumulates) next.state.resident |= bit(v);
    const Implementation& way = op.implementations[action.implementation];
    next.peak = std::max(label.peak, live(next.state) + way.workspace);
    next.seconds += way.seconds;
    for (const auto& [y, x] : taken) {
      const Bytes bytes = size(next.state, graph_[x].storage);
      next.state.resident = (next.state.resident & ~bit(x)) | bit(y);
      if (bytes != graph_[y].bytes) next.state.taken_over[y] = bytes;
    }
    forget_sizes(next.state);
    add(at, std::move(next), action);
  }

  void forget_sizes(State& state) const {
    const std::map<ValueId, Set> users = storages(state);
    std::erase_if(state.taken_over, [&](const auto& row) { return !users.contains(row.first); });
  }

  void add(std::size_t parent, Label next, Action action) {
    const auto known = least_peak_.find(next.state);
    if (known != least_peak_.end() && known->second <= next.peak) return;
    next.parent = parent;
    next.action = std::move(action);
    push(std::move(next));
  }

  void push(Label label) {
    queue_.emplace(label.seconds, label.peak, labels_.size());
    labels_.push_back(std::move(label));
  }

  Schedule schedule_to(std::size_t at) const {
    Schedule schedule;
    for (; labels_[at].action; at = labels_[at].parent) schedule.push_back(*labels_[at].action);
    std::reverse(schedule.begin(), schedule.end());
    return schedule;
  }

  using Entry = std::tuple<Seconds, Bytes, std::size_t>;
  const TrainingGraph& graph_;
  std::size_t max_labels_;
  RunOrder order_;
  std::vector<Label> labels_;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue_;
  std::map<State, Bytes> least_peak_;
};

}  // namespace

std::optional<std::vector<ParetoPoint>> exhaustive_front(const TrainingGraph& graph,
                                                         std::size_t max_labels, RunOrder order) {
  return Search(graph, max_labels, order).run();
}

TrainingGraph small_random_graph(std::uint64_t seed) {
  return random_graph(seed, {.forward_ops = 2 + static_cast<int>(seed % 4),
                             .updates = seed % 3 == 0,
                             .statistics = seed % 5 == 0});
}

}  // namespace rockmate::testing
