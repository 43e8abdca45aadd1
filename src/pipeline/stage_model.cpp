// From ops and storages to blocks. What crosses a cut forward, whether the next block or a later
// one reads it (forward or backward), is the output of the block before the cut: skip connections
// ride along. What crosses it backward, parameter gradients left out, is the gradient. A block has
// one candidate: it saves its output and all that it makes for its own backward; forgetting is up
// to the passes of the recursion. Where a rider is both in a block's input and in its output it is
// counted twice: on the safe side.
//
// The gradient of a tied parameter is a sum of parts from several blocks. As stages have copies of
// the parameter and sum over micro-batches, a part stays on its stage: it is a parameter gradient
// there, and crosses no cut.

#include "pipeline/stage_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/shown.h"
#include "graph/chain.h"
#include "graph/cuts.h"

namespace rockmate {
namespace {

// A storage that the forward parts make.
struct Activation {
  Bytes bytes;
  std::size_t made = 0;          // op
  std::size_t last_forward = 0;  // op that uses it in the forward part of the block that makes it
  std::size_t block = 0;         // that makes it
  std::size_t last_block = 0;    // that reads it, in either direction
  bool for_backward = false;     // the backward part of its own block reads it
};

// A storage that backward parts make and use up.
struct Gradient {
  Bytes bytes;
  std::size_t first = 0, last = 0;              // ops
  std::size_t first_block = 0, last_block = 0;  // the last may be 0 for what follows block 0
};

// Something that each stage with one of the blocks holds, or does, once.
struct Fixed {
  std::vector<std::size_t> blocks;  // rising
  StageFixed cost;
  [[nodiscard]] bool belongs_to(StageRange range) const {
    const auto found = std::lower_bound(blocks.begin(), blocks.end(), range.first);
    return found != blocks.end() && *found <= range.last;
  }
};

class Profiler {
 public:
  Profiler(const TrainingGraph& graph, const Chain& chain)
      : graph_(graph),
        chain_(chain),
        block_of_(graph.ops().size()),
        in_(graph.ops().size()),
        users_(graph.values().size()),
        is_part_(graph.values().size()),
        is_result_(graph.values().size()),
        changes_(graph.values().size()) {
    const auto place = [&](const std::vector<OpId>& ops, std::size_t block, Part part) {
      for (const OpId op : ops) {
        block_of_[op] = block;
        // Statistics are updated with each micro-batch, parameters once.
        const bool is_once = graph[op].phase == Phase::kUpdate && part != Part::kForward;
        in_[op] = is_once ? Part::kUpdate : part;
      }
    };
    for (std::size_t b = 0; b < chain.blocks.size(); ++b) {
      place(chain.blocks[b].forward, b, Part::kForward);
      place(chain.blocks[b].backward, b, Part::kBackward);
    }
    place(chain.tail, 0, Part::kBackward);
    for (std::size_t i = 0; i < graph.values().size(); ++i) {
      const Value& value = graph[ValueId(i)];
      auto& users = users_[value.storage];
      users.insert(users.end(), value.readers.begin(), value.readers.end());
      users.insert(users.end(), value.contributors.begin(), value.contributors.end());
      if (value.producer) users.push_back(*value.producer);
    }
    for (std::size_t o = 0; o < graph.ops().size(); ++o) {
      if (in_[OpId(o)] == Part::kUpdate) continue;
      for (const ValueId v : graph[OpId(o)].updates) changes_[graph[v].storage] = true;
    }
    for (const ValueId v : graph.results()) is_result_[graph[v].storage] = true;
    find_parts();
    for (std::size_t i = 0; i < graph.values().size(); ++i) sort_in(ValueId(i));
    for (std::size_t o = 0; o < graph.ops().size(); ++o) add_update(OpId(o));
  }

  [[nodiscard]] StageChain chain() const {
    StageChain result;
    const std::size_t size = chain_.blocks.size();
    for (std::size_t b = 0; b < size; ++b) {
      StageBlock block;
      if (b + 1 < size) {
        block.output =
            sum(activations_, [b](const auto& x) { return x.block <= b && x.last_block > b; });
        block.gradient = sum(gradients_, [b](const auto& x) { return crosses(x, b); });
      }
      result.blocks.push_back(block);
    }
    for (std::size_t b = 0; b < size; ++b) fill(result.blocks[b], b);
    return result;
  }

  [[nodiscard]] std::vector<StageFixed> fixed() const {
    const std::size_t size = chain_.blocks.size();
    std::vector<StageFixed> all(size * size);
    for (std::size_t s = 0; s < size; ++s) {
      for (std::size_t t = s; t < size; ++t) {
        StageFixed& sums = all[s * size + t];
        for (const Fixed& each : fixed_) {
          if (!each.belongs_to({s, t})) continue;
          sums.parameters += each.cost.parameters;
          sums.gradients += each.cost.gradients;
          sums.states += each.cost.states;
          sums.data += each.cost.data;
          sums.update += each.cost.update;
          sums.update_workspace = std::max(sums.update_workspace, each.cost.update_workspace);
        }
      }
    }
    return all;
  }

 private:
  enum class Part : std::uint8_t { kForward, kBackward, kUpdate };

  template <class Items, class Predicate>
  static Bytes sum(const Items& items, Predicate predicate) {
    Bytes bytes;
    for (const auto& item : items) {
      if (predicate(item)) bytes += item.bytes;
    }
    return bytes;
  }
  // Backward parts run from the last block to the first.
  static bool crosses(const Gradient& x, std::size_t b) {
    return x.first_block > b && x.last_block <= b;
  }

  // The blocks in which a storage is used; those of an update are where its gradients come from.
  std::vector<std::size_t> blocks_of(ValueId v, bool updates_too) const {
    std::vector<std::size_t> blocks;
    for (const OpId op : users_[v]) {
      if (in_[op] != Part::kUpdate) {
        blocks.push_back(block_of_[op]);
      } else if (updates_too) {
        const auto of_update = blocks_of_update(op);
        blocks.insert(blocks.end(), of_update.begin(), of_update.end());
      }
    }
    std::sort(blocks.begin(), blocks.end());
    blocks.erase(std::unique(blocks.begin(), blocks.end()), blocks.end());
    return blocks;
  }
  std::vector<std::size_t> blocks_of_update(OpId op) const {
    std::vector<std::size_t> blocks;
    for (const ValueId v : graph_[op].needs) {
      const ValueId storage = graph_[v].storage;
      if (graph_[storage].is_source) continue;
      const auto more = blocks_of(storage, false);
      blocks.insert(blocks.end(), more.begin(), more.end());
    }
    std::sort(blocks.begin(), blocks.end());
    blocks.erase(std::unique(blocks.begin(), blocks.end()), blocks.end());
    return blocks.empty() ? std::vector{block_of_[op]} : blocks;
  }

  // A part of a tied parameter's gradient looks like it, and goes into nothing else.
  void find_parts() {
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
      if (std::none_of(tied.begin(), tied.end(), [&](ValueId p) { return is_like(v, p); }))
        continue;
      is_part_[v] =
          std::all_of(graph_[v].readers.begin(), graph_[v].readers.end(), [&](OpId reader) {
            const auto& made = graph_[reader].outputs;
            return std::any_of(made.begin(), made.end(), [&](ValueId w) {
              const bool is_sum = graph_[w].kind == ValueKind::kParameterGradient || is_part_[w];
              return is_sum && is_like(v, w);
            });
          });
    }
  }

  void sort_in(ValueId v) {
    const Value& value = graph_[v];
    if (value.storage != v) return;
    if (value.is_source) {
      add_source(v);
      return;
    }
    if (users_[v].empty()) return;
    const auto [first, last] = std::minmax_element(users_[v].begin(), users_[v].end());
    const bool is_fixed =
        value.kind == ValueKind::kParameterGradient || is_result_[v] || is_part_[v];
    if (in_[*first] == Part::kForward && !is_fixed) {
      add_activation(v, *first);
    } else if (in_[*first] != Part::kUpdate) {
      if (is_fixed) {
        // A part is where it is made; a whole gradient is where its parts are.
        fixed_.push_back({is_part_[v] ? std::vector{block_of_[*first]} : blocks_of(v, false),
                          {{}, value.bytes, {}, {}, {}, {}}});
      } else {
        gradients_.push_back(
            {value.bytes, first->index(), last->index(), block_of_[*first], block_of_[*last]});
      }
    }
  }

  void add_source(ValueId v) {
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
    fixed_.push_back({std::move(blocks), cost});
  }

  void add_activation(ValueId v, OpId made) {
    Activation x;
    x.bytes = graph_[v].bytes;
    x.made = x.last_forward = made.index();
    x.block = x.last_block = block_of_[made];
    for (const OpId op : users_[v]) {
      if (in_[op] == Part::kUpdate) continue;
      x.last_block = std::max(x.last_block, block_of_[op]);
      if (block_of_[op] != x.block) continue;
      if (in_[op] == Part::kForward) x.last_forward = std::max(x.last_forward, op.index());
      if (in_[op] == Part::kBackward) x.for_backward = true;
    }
    activations_.push_back(x);
  }

  void add_update(OpId op) {
    if (in_[op] != Part::kUpdate) return;
    StageFixed cost;
    cost.update = graph_[op].seconds();
    cost.update_workspace = graph_[op].workspace();
    for (const ValueId v : graph_[op].outputs) {
      if (graph_[v].storage == v) cost.update_workspace += graph_[v].bytes;
    }
    fixed_.push_back({blocks_of_update(op), cost});
  }

  void fill(StageBlock& block, std::size_t b) const {
    BlockCandidate keep;
    keep.saved = block.output + sum(activations_, [b](const auto& x) {
                   return x.block == b && x.last_block == b && x.for_backward;
                 });
    for (const OpId op : chain_.blocks[b].forward) {
      block.pass += graph_[op].seconds();
      block.runs_again = block.runs_again && (runs_again(op) || is_aside(op));
    }
    keep.forward = block.pass;
    block.pass_transient = forward_peak(b, false) - block.output;
    keep.forward_transient = forward_peak(b, true) - keep.saved;
    const auto backward = [&](const std::vector<OpId>& ops) {
      for (const OpId op : ops) {
        if (in_[op] != Part::kBackward) continue;
        keep.backward += graph_[op].seconds();
        if (makes_parameter_gradients(op)) keep.weights += graph_[op].seconds();
      }
    };
    backward(chain_.blocks[b].backward);
    if (b == 0) backward(chain_.tail);
    keep.backward_transient = backward_transient(b);
    block.candidates = {keep};
  }

  // An op that only updates statistics does so in the first pass; a later one leaves it out, though
  // its seconds are counted.
  [[nodiscard]] bool is_aside(OpId op) const { return graph_[op].outputs.empty(); }
  // Else what it makes would be another value the second time, or may not be made again.
  [[nodiscard]] bool runs_again(OpId op) const {
    const auto& needs = graph_[op].needs;
    return graph_[op].recomputable && graph_[op].updates.empty() &&
           graph_[op].accumulates.empty() &&
           std::none_of(needs.begin(), needs.end(),
                        [this](ValueId v) { return changes_[graph_[v].storage] != 0; });
  }

  [[nodiscard]] bool makes_parameter_gradients(OpId op) const {
    std::vector<ValueId> made = graph_[op].outputs;
    made.insert(made.end(), graph_[op].accumulates.begin(), graph_[op].accumulates.end());
    return !made.empty() && std::all_of(made.begin(), made.end(), [&](ValueId v) {
      const ValueId storage = graph_[v].storage;
      return graph_[storage].kind == ValueKind::kParameterGradient || is_part_[storage];
    });
  }

  // The peak of a forward that starts with nothing but its input, riders in the output counted; at
  // least what stays.
  [[nodiscard]] Bytes forward_peak(std::size_t b, bool keeps_all) const {
    Bytes riders, kept, peak;
    for (const Activation& x : activations_) {
      if (x.block < b && x.last_block > b) riders += x.bytes;
    }
    const auto stays = [&](const Activation& x) {
      return x.last_block > b || (keeps_all && x.for_backward);
    };
    for (const OpId op : chain_.blocks[b].forward) {
      Bytes live = riders + graph_[op].workspace();
      for (const Activation& x : activations_) {
        if (x.block != b || x.made > op.index()) continue;
        if (stays(x) || x.last_forward >= op.index()) live += x.bytes;
      }
      peak = std::max(peak, live);
    }
    kept = riders + sum(activations_, [&](const auto& x) { return x.block == b && stays(x); });
    return std::max(peak, kept);
  }

  // Beyond what was saved and the gradients that cross the block's ends, which are taken to be
  // there all the time.
  [[nodiscard]] Bytes backward_transient(std::size_t b) const {
    Bytes peak;
    const auto look = [&](const std::vector<OpId>& ops) {
      for (const OpId op : ops) {
        if (in_[op] != Part::kBackward) continue;
        Bytes live = graph_[op].workspace();
        for (const Gradient& x : gradients_) {
          const bool is_there = x.first <= op.index() && op.index() <= x.last;
          const bool is_counted = crosses(x, b) || (b > 0 && crosses(x, b - 1));
          if (is_there && !is_counted) live += x.bytes;
        }
        peak = std::max(peak, live);
      }
    };
    look(chain_.blocks[b].backward);
    if (b == 0) look(chain_.tail);
    return peak;
  }

  const TrainingGraph& graph_;
  const Chain& chain_;
  IdVector<OpId, std::size_t> block_of_;
  IdVector<OpId, Part> in_;
  IdVector<ValueId, std::vector<OpId>> users_;  // of a storage, through all values on it
  IdVector<ValueId, char> is_part_;             // of a tied parameter's gradient
  IdVector<ValueId, char> is_result_;
  IdVector<ValueId, char> changes_;  // a source that each micro-batch updates
  std::vector<Activation> activations_;
  std::vector<Gradient> gradients_;
  std::vector<Fixed> fixed_;
};

// Whether a graph, cut where this chain was cut, has its blocks.
bool has_blocks(const TrainingGraph& graph, const Chain& chain) {
  std::vector<std::size_t> ends;
  std::size_t end = 0;
  for (const Block& block : chain.blocks) ends.push_back(end += block.forward.size());
  ends.pop_back();
  if (forward_part(graph).size() != end) return false;
  const auto same_ops = [](const Block& a, const Block& b) {
    return a.forward == b.forward && a.backward == b.backward;
  };
  const Chain own = cut_chain(graph, ends);
  return own.tail == chain.tail && std::ranges::equal(own.blocks, chain.blocks, same_ops);
}

}  // namespace

StageModel::StageModel(const TrainingGraph& graph, std::size_t max_blocks) {
  // As many blocks as are allowed: a cut can only be where a block ends.
  CutOptions options;
  options.max_blocks = max_blocks;
  options.target_block_ops =
      std::clamp<std::size_t>(forward_part(graph).size() / max_blocks, 1, options.target_block_ops);
  ops_ = cut_chain(graph, choose_cuts(graph, options));
  if (ops_.blocks.empty()) {
    throw InvalidInput(fmt::format("graph '{}' has no forward ops, expected at least one per stage",
                                   shown(graph.name())));
  }
  const Profiler profiler(graph, ops_);
  chain_ = profiler.chain();
  fixed_ = profiler.fixed();
}

StageModel::StageModel(const TrainingGraph& graph, const StageModel& other) : ops_(other.ops_) {
  if (!has_blocks(graph, ops_)) {
    throw InvalidInput(fmt::format(
        "graph '{}' has other ops than the one that was cut; engines of one pipeline run the same",
        shown(graph.name())));
  }
  const Profiler profiler(graph, ops_);
  chain_ = profiler.chain();
  fixed_ = profiler.fixed();
}

}  // namespace rockmate
