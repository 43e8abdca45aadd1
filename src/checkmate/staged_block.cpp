// What stays whatever is chosen is not tracked but part of the steps' fixed bytes: gradients, what
// only the backward part takes from outside, results, sums, what runs once makes.

#include <algorithm>
#include <map>

#include "checkmate/staged_problem.h"

namespace rockmate::checkmate {
namespace {

class BlockStager {
 public:
  BlockStager(const TrainingGraph& graph, const Block& block) : graph_(graph) {
    order_ = block.forward;
    order_.insert(order_.end(), block.backward.begin(), block.backward.end());
    forward_ = block.forward.size();
    for (std::size_t k = 0; k < order_.size(); ++k) position_[order_[k]] = k;
  }

  StagedProblem run() {
    problem_.first_stage = forward_;
    problem_.steps.resize(order_.size());
    for (std::size_t k = 0; k < order_.size(); ++k) {
      const Op& op = graph_[order_[k]];
      Step& step = problem_.steps[k];
      step.seconds = op.seconds().count();
      step.workspace = step.fixed = op.workspace().count();
      if (k < forward_ && op.recomputable) step.again_to = last_stage(k);
    }
    find_storages();
    for (const auto& [root, values] : on_storage_) {
      is_fixed(root, values) ? fix(root, values) : track(root, values);
    }
    for (std::size_t v = 0; v < problem_.values.size(); ++v) link(v);
    return std::move(problem_);
  }

 private:
  [[nodiscard]] std::optional<std::size_t> place(OpId op) const {
    const auto it = position_.find(op);
    return it == position_.end() ? std::nullopt : std::optional(it->second);
  }

  // Parameters and the like have no bytes here; a data input is like the output of another block.
  [[nodiscard]] bool is_parameter(ValueId root) const {
    const Value& value = graph_[root];
    return value.is_source && value.kind != ValueKind::kInput &&
           value.kind != ValueKind::kActivation;
  }

  // An update by another block that comes before the backward part rules out every further run;
  // one in the backward part those after it.
  [[nodiscard]] std::size_t last_stage(std::size_t k) const {
    std::size_t last = order_.size() - 1;
    for (std::size_t u = 0; u < graph_.ops().size(); ++u) {
      for (const ValueId source : graph_[OpId(u)].updates) {
        const auto& inputs = graph_[order_[k]].inputs;
        const bool is_read = std::any_of(inputs.begin(), inputs.end(),
                                         [&](ValueId v) { return graph_[v].storage == source; });
        if (!is_read || OpId(u) < order_[k] || order_.back() < OpId(u)) continue;
        last = std::min(last, place(OpId(u)).value_or(0));
      }
    }
    return last < forward_ ? 0 : last;
  }

  // By storage, in the order of first use: the values on it that the block touches.
  void find_storages() {
    std::map<ValueId, std::size_t> found;
    for (const OpId id : order_) {
      const Op& op = graph_[id];
      for (const auto* list : {&op.needs, &op.outputs, &op.accumulates}) {
        for (const ValueId v : *list) {
          const ValueId root = graph_[v].storage;
          if (is_parameter(root)) continue;
          const auto [it, is_new] = found.emplace(root, on_storage_.size());
          if (is_new) on_storage_.push_back({root, {}});
          auto& values = on_storage_[it->second].second;
          if (std::find(values.begin(), values.end(), v) == values.end()) values.push_back(v);
        }
      }
    }
  }

  [[nodiscard]] bool is_fixed(ValueId root, const std::vector<ValueId>& values) const {
    const auto touched_forward = [&](ValueId v) {
      const Value& value = graph_[v];
      const auto is_forward = [&](OpId op) { return place(op).value_or(forward_) < forward_; };
      return (value.producer && is_forward(*value.producer)) ||
             std::any_of(value.readers.begin(), value.readers.end(), is_forward);
    };
    const auto stays = [&](ValueId v) {
      const Value& value = graph_[v];
      const auto maker = value.producer ? place(*value.producer) : std::nullopt;
      const bool is_made_once = maker && problem_.steps[*maker].again_to == 0;
      return value.is_result || !value.contributors.empty() || is_made_once;
    };
    return std::any_of(values.begin(), values.end(), stays) ||
           std::none_of(values.begin(), values.end(), touched_forward) ||
           !graph_[root].contributors.empty();
  }

  // From its first to its last use here; beyond, where the rest of the graph has to do with it.
  void fix(ValueId root, const std::vector<ValueId>& values) {
    std::size_t first = order_.size(), last = 0;
    bool is_outside_before = false, is_outside_after = false, is_forward = false;
    for (const ValueId v : values) {
      const Value& value = graph_[v];
      std::vector<OpId> users = value.readers;
      users.insert(users.end(), value.contributors.begin(), value.contributors.end());
      if (value.producer) users.push_back(*value.producer);
      const bool is_made_here = value.producer && place(*value.producer);
      const bool is_begun_here =
          !value.contributors.empty() && place(value.contributors.front()).has_value();
      is_outside_before |= !is_made_here && !is_begun_here;
      is_outside_after |= value.is_result;
      if (!value.contributors.empty()) is_outside_after |= !place(value.contributors.back());
      for (const OpId op : users) {
        const auto k = place(op);
        if (!k) {
          is_outside_after |= is_made_here || is_begun_here;
          continue;
        }
        first = std::min(first, *k);
        last = std::max(last, *k);
        is_forward |= *k < forward_;
      }
    }
    if (is_outside_before) first = is_forward ? 0 : std::min(first, forward_);
    if (is_outside_after || is_forward) last = order_.size();
    for (std::size_t k = first; k < order_.size() && k <= last; ++k) {
      problem_.steps[k].fixed += graph_[root].bytes.count();
      if (k > first || is_outside_before) problem_.steps[k].before += graph_[root].bytes.count();
    }
  }

  void track(ValueId root, const std::vector<ValueId>& values) {
    StagedStorage storage{graph_[root].bytes.count()};
    for (const ValueId v : values) {
      const Value& value = graph_[v];
      StagedValue staged{problem_.storages.size()};
      if (value.producer && place(*value.producer)) {
        const Op& op = graph_[*value.producer];
        staged.made = *place(*value.producer);
        staged.is_optional = op.is_optional(v);
        for (const ValueId w : op.outputs) {
          if (w != v && graph_[w].storage == v) staged.is_optional = false;
        }
        storage.is_fixed_before |= std::any_of(value.readers.begin(), value.readers.end(),
                                               [&](OpId reader) { return !place(reader); });
      }
      for (const OpId reader : value.readers) {
        if (const auto k = place(reader)) staged.reads.push_back(*k);
      }
      std::sort(staged.reads.begin(), staged.reads.end());
      problem_.values.push_back(std::move(staged));
    }
    const auto first = problem_.values.end() - static_cast<std::ptrdiff_t>(values.size());
    if (storage.is_fixed_before) {
      std::size_t made = order_.size();
      std::for_each(first, problem_.values.end(), [&](const StagedValue& value) {
        made = std::min(made, value.made == kNever ? 0 : value.made);
        storage.is_saved_free |= !value.reads.empty() && value.reads.back() >= forward_;
      });
      for (std::size_t k = made; k < forward_; ++k) problem_.steps[k].fixed += storage.bytes;
    }
    problem_.storages.push_back(storage);
  }

  void link(std::size_t v) {
    const StagedValue& value = problem_.values[v];
    if (value.made != kNever) problem_.steps[value.made].makes.push_back(v);
    for (const std::size_t k : value.reads) problem_.steps[k].reads.push_back(v);
  }

  const TrainingGraph& graph_;
  std::vector<OpId> order_;
  std::size_t forward_ = 0;
  std::map<OpId, std::size_t> position_;
  std::vector<std::pair<ValueId, std::vector<ValueId>>> on_storage_;
  StagedProblem problem_;
};

}  // namespace

StagedProblem staged_block(const TrainingGraph& graph, const Block& block) {
  return BlockStager(graph, block).run();
}

}  // namespace rockmate::checkmate
