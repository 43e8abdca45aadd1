#include "support/random_candidates.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace rockmate::testing {
namespace {

class Maker {
 public:
  Maker(const TrainingGraph& graph, const Block& block, std::mt19937_64& random)
      : graph_(graph), block_(block), random_(random) {
    for (std::uint32_t k = 0; k < block.forward.size(); ++k) position_[block.forward[k]] = k;
  }

  Candidate run() {
    for (const OpId op : block_.forward) {
      if (!may_run_again(op) || random_() % 2 == 0) continue;
      for (const ValueId v : graph_[op].outputs) gone_.insert(graph_[v].storage);
    }
    // Storages go with all that is on them, and with what else the same ops make.
    for (bool changed = true; changed;) changed = close();
    forget(gone_);
    for (std::uint32_t k = 0; k < block_.backward.size(); ++k) {
      for (const ValueId v : graph_[block_.backward[k]].needs) make(v);
      made_.backward.push_back(static_cast<std::uint32_t>(block_.forward.size()) + k);
      if (random_() % 4 == 0) forget(gone_);
    }
    return made_;
  }

 private:
  [[nodiscard]] bool may_run_again(OpId op) const {
    const Op& each = graph_[op];
    return each.recomputable && each.updates.empty() && each.accumulates.empty() &&
           !each.outputs.empty();
  }

  bool close() {
    bool changed = false;
    for (const OpId op : block_.forward) {
      const auto& outputs = graph_[op].outputs;
      const bool is_gone = std::any_of(outputs.begin(), outputs.end(), [&](ValueId v) {
        return gone_.contains(graph_[v].storage);
      });
      if (!is_gone) continue;
      for (const ValueId v : outputs) {
        const ValueId storage = graph_[v].storage;
        const auto maker = graph_[storage].producer;
        const bool is_ours = maker && position_.contains(*maker) && may_run_again(op) &&
                             graph_[storage].contributors.empty();
        if (!is_ours && never_.insert(storage).second) changed = true;
        if (is_ours && gone_.insert(storage).second) changed = true;
      }
    }
    for (const ValueId storage : never_) gone_.erase(storage);
    // Whoever makes something that stays forgets nothing.
    for (const OpId op : block_.forward) {
      const auto& outputs = graph_[op].outputs;
      const bool stays = std::any_of(outputs.begin(), outputs.end(),
                                     [&](ValueId v) { return never_.contains(graph_[v].storage); });
      if (!stays) continue;
      for (const ValueId v : outputs) {
        if (never_.insert(graph_[v].storage).second) changed = true;
        gone_.erase(graph_[v].storage);
      }
    }
    return changed;
  }

  void forget(const std::set<ValueId>& storages) {
    for (const OpId op : block_.forward) {
      for (const ValueId v : graph_[op].outputs) {
        if (storages.contains(graph_[v].storage)) missing_.insert(v);
      }
    }
  }

  void make(ValueId v) {
    if (!missing_.contains(v)) return;
    const OpId op = graph_[v].producer.value();
    for (const ValueId need : graph_[op].needs) make(need);
    made_.backward.push_back(position_.at(op));
    for (const ValueId made : graph_[op].outputs) missing_.erase(made);
  }

  const TrainingGraph& graph_;
  const Block& block_;
  std::mt19937_64& random_;
  std::map<OpId, std::uint32_t> position_;
  std::set<ValueId> gone_, never_;  // storages
  std::set<ValueId> missing_;       // values
  Candidate made_;
};

}  // namespace

std::vector<std::vector<Candidate>> random_candidates(const TrainingGraph& graph,
                                                      const Chain& chain, std::size_t count,
                                                      std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::vector<Candidate>> all(chain.blocks.size());
  for (std::size_t b = 0; b < chain.blocks.size(); ++b) {
    for (std::size_t k = 0; k < count; ++k) {
      all[b].push_back(Maker(graph, chain.blocks[b], random).run());
    }
  }
  return all;
}

}  // namespace rockmate::testing
