#include "rotor/chain_plans.h"

#include <fmt/format.h>

#include <utility>

#include "rockmate/error.h"
#include "rotor/chain_items.h"

namespace rockmate::rotor {
namespace {

ChainPlans::Ways whole_blocks(const Chain& chain) {
  ChainPlans::Ways ways;
  for (const Block& block : chain.blocks) ways.push_back({block.backward});
  return ways;
}

}  // namespace

ChainPlans::ChainPlans(const TrainingGraph& graph, Chain chain, Ways ways)
    : graph_(graph),
      chain_(std::move(chain)),
      ways_(std::move(ways)),
      runs_again_(graph.ops().size()) {
  const ChainItems items(graph, chain_);
  for (const Block& block : chain_.blocks) {
    for (const OpId op : block.forward) runs_again_[op] = items.runs_again(op);
  }
}

ChainPlans::ChainPlans(const TrainingGraph& graph, const Chain& chain)
    : ChainPlans(graph, chain, whole_blocks(chain)) {}

PartId ChainPlans::add(const PlanPart& part) {
  const auto is_missing = [&](PartId inside) {
    return inside != kNoPart && inside >= parts_.size();
  };
  const bool is_open = part.left != kNoPart && part.right == kNoPart;
  if (is_missing(part.right) || is_missing(part.left) || is_open) {
    throw InvalidInput(fmt::format("part {} of a plan lacks what is inside it", parts_.size()));
  }
  std::size_t blocks = part.left == kNoPart ? 1 : blocks_[part.left];
  if (part.right != kNoPart) blocks += blocks_[part.right];
  if (blocks > chain_.blocks.size()) {
    throw InvalidInput(fmt::format("part {} of a plan is longer than its chain", parts_.size()));
  }
  parts_.push_back(part);
  blocks_.push_back(blocks);
  return static_cast<PartId>(parts_.size() - 1);
}

bool ChainPlans::are_plans(const std::vector<PartId>& parts) const {
  std::vector<std::size_t> seen_at(parts_.size(), chain_.blocks.size());  // that block last
  std::vector<std::pair<PartId, std::size_t>> stack;
  for (const PartId plan : parts) {
    if (plan >= parts_.size() || blocks_[plan] != chain_.blocks.size()) return false;
    stack.emplace_back(plan, 0);
    while (!stack.empty()) {
      const auto [id, a] = stack.back();
      stack.pop_back();
      if (std::exchange(seen_at[id], a) == a) continue;
      const PlanPart& part = parts_[id];
      const bool keeps = part.left == kNoPart;
      if (keeps && part.way >= ways_[a].size()) return false;
      if (!keeps) stack.emplace_back(part.left, a);
      if (part.right != kNoPart) {
        stack.emplace_back(part.right, a + (keeps ? 1 : blocks_[part.left]));
      }
    }
  }
  return true;
}

// An explicit stack: chains may be long.
Runs ChainPlans::runs(PartId plan) const {
  Runs runs;
  IdVector<OpId, char> has_run(graph_.ops().size());
  const auto forward = [&](std::size_t block) {
    for (const OpId op : chain_.blocks[block].forward) {
      if (has_run[op] != 0 && runs_again_[op] == 0) continue;
      has_run[op] = true;
      runs.push_back({op});
    }
  };
  struct Task {
    PartId part;                        // or
    const std::vector<OpId>* backward;  // of a block
    std::size_t block;
  };
  std::vector<Task> stack = {{plan, nullptr, 0}};
  while (!stack.empty()) {
    const auto [id, backward, a] = stack.back();
    stack.pop_back();
    if (backward != nullptr) {
      for (const OpId op : *backward) runs.push_back({op});
      continue;
    }
    const PlanPart& part = parts_[id];
    std::size_t j = a + 1;
    if (part.left == kNoPart) {
      forward(a);
      stack.push_back({kNoPart, &ways_[a][part.way], a});
    } else {
      for (j = a; j < a + blocks_[part.left]; ++j) forward(j);
      stack.push_back({part.left, nullptr, a});
    }
    if (part.right != kNoPart) stack.push_back({part.right, nullptr, j});
  }
  for (const OpId op : chain_.tail) runs.push_back({op});
  return without_idle_runs(graph_, runs);
}

}  // namespace rockmate::rotor
