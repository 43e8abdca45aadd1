#include "pipeline/stage_storages.h"

#include <algorithm>

namespace rockmate {
namespace {

void sort_distinct(std::vector<std::size_t>& numbers) {
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
}

}  // namespace

bool StageStorages::Held::belongs_to(StageRange range) const {
  const auto found = std::lower_bound(blocks.begin(), blocks.end(), range.first);
  return found != blocks.end() && *found <= range.last;
}

StageStorages::StageStorages(const TrainingGraph& graph, const Chain& chain)
    : graph_(graph),
      block_of_(graph.ops().size()),
      in_(graph.ops().size()),
      users_(graph.values().size()),
      is_part_(graph.values().size()),
      is_result_(graph.values().size()),
      changes_(graph.values().size()) {
  place_ops(chain);
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const Value& value = graph[ValueId(i)];
    auto& users = users_[value.storage];
    users.insert(users.end(), value.readers.begin(), value.readers.end());
    users.insert(users.end(), value.contributors.begin(), value.contributors.end());
    if (value.producer) users.push_back(*value.producer);
  }
  for (std::size_t o = 0; o < graph.ops().size(); ++o) {
    if (is_update(OpId(o))) continue;
    for (const ValueId v : graph[OpId(o)].updates) changes_[graph[v].storage] = true;
  }
  for (const ValueId v : graph.results()) is_result_[graph[v].storage] = true;
  find_parts();
  for (std::size_t i = 0; i < graph.values().size(); ++i) sort_in(ValueId(i));
  for (std::size_t o = 0; o < graph.ops().size(); ++o) add_update(OpId(o));
}

void StageStorages::place_ops(const Chain& chain) {
  const auto place = [&](const std::vector<OpId>& ops, std::size_t block, Part part) {
    for (const OpId op : ops) {
      block_of_[op] = block;
      const bool is_once = graph_[op].phase == Phase::kUpdate && part != Part::kForward;
      in_[op] = is_once ? Part::kUpdate : part;
    }
  };
  for (std::size_t b = 0; b < chain.blocks.size(); ++b) {
    place(chain.blocks[b].forward, b, Part::kForward);
    place(chain.blocks[b].backward, b, Part::kBackward);
  }
  place(chain.tail, 0, Part::kBackward);
}

// The blocks in which a storage is used; those of an update are where its gradients come from.
std::vector<std::size_t> StageStorages::blocks_of(ValueId v, bool updates_too) const {
  std::vector<std::size_t> blocks;
  for (const OpId op : users_[v]) {
    if (in_[op] != Part::kUpdate) {
      blocks.push_back(block_of_[op]);
    } else if (updates_too) {
      const auto of_update = blocks_of_update(op);
      blocks.insert(blocks.end(), of_update.begin(), of_update.end());
    }
  }
  sort_distinct(blocks);
  return blocks;
}

std::vector<std::size_t> StageStorages::blocks_of_update(OpId op) const {
  std::vector<std::size_t> blocks;
  for (const ValueId v : graph_[op].needs) {
    const ValueId storage = graph_[v].storage;
    if (graph_[storage].is_source) continue;
    const auto more = blocks_of(storage, false);
    blocks.insert(blocks.end(), more.begin(), more.end());
  }
  sort_distinct(blocks);
  return blocks.empty() ? std::vector{block_of_[op]} : blocks;
}

// A part of a tied parameter's gradient looks like it, and goes into nothing else.
void StageStorages::find_parts() {
  std::vector<ValueId> tied;
  for (std::size_t i = 0; i < graph_.values().size(); ++i) {
    const Value& value = graph_[ValueId(i)];
    if (value.kind != ValueKind::kParameter || !value.is_source) continue;
    const auto in_forward = std::count_if(users_[ValueId(i)].begin(), users_[ValueId(i)].end(),
                                          [this](OpId op) { return in_[op] == Part::kForward; });
    if (in_forward > 1) tied.push_back(ValueId(i));
  }
  const auto is_like = [this](ValueId v, ValueId w) {
    return graph_[v].bytes == graph_[w].bytes && graph_[v].shape == graph_[w].shape;
  };
  // Whoever reads a value is found before it.
  for (std::size_t i = graph_.values().size(); i-- > 0;) {
    const ValueId v(i);
    if (graph_[v].kind != ValueKind::kGradient || graph_[v].readers.empty()) continue;
    if (std::none_of(tied.begin(), tied.end(), [&](ValueId p) { return is_like(v, p); })) continue;
    is_part_[v] = std::all_of(graph_[v].readers.begin(), graph_[v].readers.end(), [&](OpId reader) {
      const auto& made = graph_[reader].outputs;
      return std::any_of(made.begin(), made.end(), [&](ValueId w) {
        const bool is_sum = graph_[w].kind == ValueKind::kParameterGradient || is_part_[w];
        return is_sum && is_like(v, w);
      });
    });
  }
}

void StageStorages::sort_in(ValueId v) {
  const Value& value = graph_[v];
  if (value.storage != v) return;
  if (value.is_source) {
    add_source(v);
    return;
  }
  if (users_[v].empty()) return;
  const auto [first, last] = std::minmax_element(users_[v].begin(), users_[v].end());
  const bool is_fixed = value.kind == ValueKind::kParameterGradient || is_result_[v] || is_part_[v];
  if (in_[*first] == Part::kForward && !is_fixed) {
    add_activation(v, *first);
  } else if (in_[*first] != Part::kUpdate) {
    if (is_fixed) {
      // A part is where it is made; a whole gradient is where its parts are.
      held_.push_back({is_part_[v] ? std::vector{block_of_[*first]} : blocks_of(v, false),
                       {{}, value.bytes, {}, {}, {}, {}}});
    } else {
      gradients_.push_back(
          {value.bytes, first->index(), last->index(), block_of_[*first], block_of_[*last]});
    }
  }
}

void StageStorages::add_source(ValueId v) {
  StageFixed cost;
  std::vector<std::size_t> blocks = blocks_of(v, false);
  switch (graph_[v].kind) {
    case ValueKind::kParameter:
    case ValueKind::kStatistics:
      cost.parameters = graph_[v].bytes;
      break;
    case ValueKind::kOptimizerState:
      cost.states = graph_[v].bytes;
      break;
    default:
      (blocks.empty() ? cost.states : cost.data) = graph_[v].bytes;
  }
  if (blocks.empty()) blocks = blocks_of(v, true);
  if (blocks.empty()) blocks = {0};
  held_.push_back({std::move(blocks), cost});
}

void StageStorages::add_activation(ValueId v, OpId made) {
  Activation x;
  x.storage = v;
  x.bytes = graph_[v].bytes;
  x.made = x.last_forward = made.index();
  x.block = x.last_block = block_of_[made];
  for (const OpId op : users_[v]) {
    if (in_[op] == Part::kUpdate) continue;
    x.last_block = std::max(x.last_block, block_of_[op]);
    if (block_of_[op] != x.block) continue;
    if (in_[op] == Part::kForward) x.last_forward = std::max(x.last_forward, op.index());
  }
  activations_.push_back(x);
}

void StageStorages::add_update(OpId op) {
  if (in_[op] != Part::kUpdate) return;
  StageFixed cost;
  cost.update = graph_[op].seconds();
  cost.update_workspace = graph_[op].workspace();
  for (const ValueId v : graph_[op].outputs) {
    if (graph_[v].storage == v) cost.update_workspace += graph_[v].bytes;
  }
  held_.push_back({blocks_of_update(op), cost});
}

bool StageStorages::runs_again(OpId op) const {
  const auto& needs = graph_[op].needs;
  return graph_[op].recomputable && graph_[op].updates.empty() && graph_[op].accumulates.empty() &&
         std::none_of(needs.begin(), needs.end(),
                      [this](ValueId v) { return changes_[graph_[v].storage] != 0; });
}

bool StageStorages::makes_parameter_gradients(OpId op) const {
  std::vector<ValueId> made = graph_[op].outputs;
  made.insert(made.end(), graph_[op].accumulates.begin(), graph_[op].accumulates.end());
  return !made.empty() && std::all_of(made.begin(), made.end(), [&](ValueId v) {
    const ValueId storage = graph_[v].storage;
    return graph_[storage].kind == ValueKind::kParameterGradient || is_part_[storage];
  });
}

}  // namespace rockmate
