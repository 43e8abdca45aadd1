#include "bounds/moment_start.h"

#include <algorithm>

namespace rockmate {
namespace {

class StartWriter {
 public:
  StartWriter(const MomentFacts& facts, OpId moment, const std::set<ValueId>& kept)
      : facts_(facts),
        graph_(facts.graph),
        moment_(moment),
        kept_(kept),
        is_there_(graph_.values().size()),
        has_run_(graph_.ops().size()) {}

  // Nothing if some value could not be made again; it is named in `stuck`.
  [[nodiscard]] std::optional<Runs> write(std::set<ValueId>& stuck) {
    for (std::size_t i = 0; i < graph_.values().size(); ++i) {
      is_there_[ValueId(i)] = graph_[ValueId(i)].is_source;
    }
    for (std::size_t o = 0; o < graph_.ops().size(); ++o) {
      if (!make_needs(OpId(o), stuck)) return std::nullopt;
      run(OpId(o));
      if (OpId(o) == moment_) forget();
    }
    return std::move(runs_);
  }

 private:
  void run(OpId op) {
    runs_.push_back({op});
    has_run_[op] = true;
    for (const ValueId v : graph_[op].outputs) is_there_[v] = true;
    for (const ValueId v : graph_[op].accumulates) is_there_[v] = true;
  }

  void forget() {
    for (std::size_t i = 0; i < graph_.values().size(); ++i) {
      const ValueId v(i);
      const Value& value = graph_[v];
      const bool can_be_made_again = value.producer && graph_[*value.producer].recomputable;
      const bool costs_bytes = graph_.storage_bytes(v) > Bytes();
      if (can_be_made_again && costs_bytes && !kept_.contains(value.storage)) is_there_[v] = false;
    }
  }

  [[nodiscard]] bool is_barred(OpId op) const {
    return std::any_of(facts_.barriers[op].begin(), facts_.barriers[op].end(),
                       [&](OpId update) { return has_run_[update] != 0; });
  }

  // Depth first, without recursion: chains may be thousands of ops long.
  [[nodiscard]] bool make_needs(OpId op, std::set<ValueId>& stuck) {
    std::vector<OpId> stack = {op};
    while (!stack.empty()) {
      const OpId at = stack.back();
      const auto& needs = graph_[at].needs;
      const auto missing =
          std::find_if(needs.begin(), needs.end(), [&](ValueId v) { return !is_there_[v]; });
      if (missing == needs.end()) {
        stack.pop_back();
        if (at != op) run(at);
        continue;
      }
      const OpId producer = *graph_[*missing].producer;
      if (is_barred(producer)) {
        stuck.insert(graph_[*missing].storage);
        return false;
      }
      stack.push_back(producer);
    }
    return true;
  }

  const MomentFacts& facts_;
  const TrainingGraph& graph_;
  OpId moment_;
  const std::set<ValueId>& kept_;
  IdVector<ValueId, char> is_there_;
  IdVector<OpId, char> has_run_;
  Runs runs_;
};

}  // namespace

Runs start_from_moment(const MomentFacts& facts, OpId moment, const std::set<ValueId>& kept) {
  std::set<ValueId> all_kept = kept;
  for (;;) {
    const std::size_t before = all_kept.size();
    std::set<ValueId> stuck;
    if (auto runs = StartWriter(facts, moment, all_kept).write(stuck)) {
      return without_idle_runs(facts.graph, *runs);
    }
    all_kept.insert(stuck.begin(), stuck.end());
    if (all_kept.size() == before) return program_order(facts.graph);
  }
}

}  // namespace rockmate
