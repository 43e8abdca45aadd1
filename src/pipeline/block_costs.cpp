#include "pipeline/block_costs.h"

#include <algorithm>
#include <map>
#include <set>

namespace rockmate {
namespace {

// Undoes the runs of a backward part, the last one first; knows which values are wanted.
class Wanted {
 public:
  explicit Wanted(const TrainingGraph& graph) : graph_(graph) {}

  // The storages that live during the run, which is then undone.
  std::set<ValueId> step_back(OpId id) {
    const Op& op = graph_[id];
    for (const auto* values : {&op.outputs, &op.needs, &op.accumulates}) {
      for (const ValueId v : *values) values_[graph_[v].storage].insert(v);
    }
    const std::set<ValueId> live = storages();
    for (const ValueId v : op.outputs) values_[graph_[v].storage].erase(v);
    return live;
  }
  [[nodiscard]] std::set<ValueId> storages() const {
    std::set<ValueId> wanted;
    for (const auto& [storage, values] : values_) {
      if (!values.empty()) wanted.insert(storage);
    }
    return wanted;
  }

 private:
  const TrainingGraph& graph_;
  std::map<ValueId, std::set<ValueId>> values_;  // wanted ones, by storage
};

// Behind the first, by seconds; those that another one equals or beats in all figures are left out.
void drop_beaten(std::vector<BlockCandidate>& candidates) {
  std::stable_sort(candidates.begin() + 1, candidates.end(), [](const auto& x, const auto& y) {
    return x.backward != y.backward ? x.backward < y.backward : x.saved < y.saved;
  });
  std::vector<BlockCandidate> kept;
  for (BlockCandidate& x : candidates) {
    const bool is_beaten = std::any_of(kept.begin(), kept.end(), [&](const BlockCandidate& y) {
      return y.backward <= x.backward && y.saved <= x.saved &&
             y.saved + y.forward_transient <= x.saved + x.forward_transient &&
             y.saved + y.backward_transient <= x.saved + x.backward_transient;
    });
    if (!is_beaten) kept.push_back(std::move(x));
  }
  candidates = std::move(kept);
}

}  // namespace

BlockCosts::BlockCosts(const TrainingGraph& graph, const Chain& chain,
                       const StageStorages& storages)
    : graph_(graph),
      chain_(chain),
      storages_(storages),
      made_(chain.blocks.size()),
      in_backward_(chain.blocks.size()) {
  for (const auto& x : storages.activations()) made_[x.block].push_back(x);
  for (const auto& x : storages.gradients()) {
    // From the block that makes it down to the last that reads it; what crosses an end of a block
    // is counted there.
    if (x.first_block == x.last_block) in_backward_[x.first_block].push_back(x);
  }
}

Bytes BlockCosts::output(std::size_t b) const {
  if (b + 1 == chain_.blocks.size()) return {};
  Bytes bytes;
  for (const auto& x : storages_.activations()) {
    if (x.crosses(b)) bytes += x.bytes;
  }
  return bytes;
}

// What follows the last block's backward part counts as its own; updates wait for all
// micro-batches.
std::vector<OpId> BlockCosts::backward_of(std::size_t b, std::vector<OpId> ops) const {
  if (b == 0) ops.insert(ops.end(), chain_.tail.begin(), chain_.tail.end());
  std::erase_if(ops, [this](OpId op) { return storages_.is_update(op); });
  return ops;
}

StageBlock BlockCosts::block(std::size_t b, const std::vector<Candidate>& candidates) const {
  StageBlock block;
  block.output = output(b);
  if (b + 1 < chain_.blocks.size()) {
    for (const auto& x : storages_.gradients()) {
      if (x.crosses(b)) block.gradient += x.bytes;
    }
  }
  const std::vector<OpId>& forward = chain_.blocks[b].forward;
  for (const OpId op : forward) {
    block.pass += graph_[op].seconds();
    block.runs_again = block.runs_again && (storages_.runs_again(op) || storages_.is_aside(op));
  }
  block.pass_transient = forward_peak(b, [](const auto&) { return false; }) - block.output;
  const std::vector<OpId> plain = backward_of(b, chain_.blocks[b].backward);
  block.candidates = {measure(b, block, plain)};
  for (const OpId op : plain) {
    if (!storages_.makes_parameter_gradients(op)) continue;
    block.candidates.front().weights += graph_[op].seconds();
  }
  for (const Candidate& candidate : candidates) {
    std::vector<OpId> backward;
    for (const std::uint32_t k : candidate.backward) {
      backward.push_back(k < forward.size() ? forward[k]
                                            : chain_.blocks[b].backward[k - forward.size()]);
    }
    backward = backward_of(b, std::move(backward));
    const bool may_run = std::all_of(backward.begin(), backward.end(), [this](OpId op) {
      return !is_forward(op) || storages_.runs_again(op);
    });
    if (!may_run || backward == plain) continue;
    block.candidates.push_back(measure(b, block, backward));
    block.candidates.back().runs = candidate.backward;
  }
  drop_beaten(block.candidates);
  return block;
}

BlockCandidate BlockCosts::measure(std::size_t b, const StageBlock& block,
                                   const std::vector<OpId>& backward) const {
  BlockCandidate way;
  way.forward = block.pass;
  Wanted wanted(graph_);
  std::vector<std::pair<Bytes, std::set<ValueId>>> live;  // by run, the last one first
  OpId next;
  for (std::size_t k = backward.size(); k-- > 0;) {
    const OpId op = backward[k];
    const bool is_again = is_forward(op);
    if (!is_again) next = op;
    way.backward += graph_[op].seconds();
    live.emplace_back(graph_[op].workspace() + gradients_live(b, next, !is_again),
                      wanted.step_back(op));
  }
  const std::set<ValueId> saved = wanted.storages();
  const auto is_kept = [&](const StageStorages::Activation& x) {
    return x.crosses(b) || saved.contains(x.storage);
  };
  way.saved = block.output;
  for (const auto& x : made_[b]) {
    if (!x.crosses(b) && is_kept(x)) way.saved += x.bytes;
  }
  for (const auto& [bytes, storages] : live) {
    Bytes sum = bytes;
    for (const auto& x : made_[b]) {
      if (!is_kept(x) && storages.contains(x.storage)) sum += x.bytes;
    }
    way.backward_transient = std::max(way.backward_transient, sum);
  }
  way.forward_transient = forward_peak(b, is_kept) - way.saved;
  return way;
}

// The peak of a forward that starts with nothing but its input, riders in the output counted; at
// least what stays.
template <class Stays>
Bytes BlockCosts::forward_peak(std::size_t b, Stays stays) const {
  Bytes kept = output(b);
  Bytes riders = kept;
  for (const auto& x : made_[b]) {
    if (x.crosses(b)) riders -= x.bytes;
    if (!x.crosses(b) && stays(x)) kept += x.bytes;
  }
  Bytes peak = kept;
  for (const OpId op : chain_.blocks[b].forward) {
    Bytes live = riders + graph_[op].workspace();
    for (const auto& x : made_[b]) {
      if (x.made > op.index()) continue;
      if (x.crosses(b) || stays(x) || x.last_forward >= op.index()) live += x.bytes;
    }
    peak = std::max(peak, live);
  }
  return peak;
}

// Those of the block's own, while an op runs or between it and what ran before. Gradients that
// cross the ends of the block are taken to be there all the time.
Bytes BlockCosts::gradients_live(std::size_t b, OpId next, bool runs) const {
  Bytes bytes;
  for (const auto& x : in_backward_[b]) {
    const std::size_t from = runs ? x.first : x.first + 1;
    if (from <= next.index() && next.index() <= x.last) bytes += x.bytes;
  }
  return bytes;
}

}  // namespace rockmate
