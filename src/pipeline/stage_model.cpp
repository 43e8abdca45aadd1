#include "pipeline/stage_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/shown.h"
#include "graph/cuts.h"
#include "pipeline/block_costs.h"

namespace rockmate {
namespace {

std::vector<StageFixed> fixed_of_ranges(const StageStorages& storages, std::size_t size) {
  std::vector<StageFixed> all(size * size);
  for (std::size_t s = 0; s < size; ++s) {
    for (std::size_t t = s; t < size; ++t) {
      StageFixed& sums = all[s * size + t];
      for (const StageStorages::Held& each : storages.held()) {
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

Chain cut_stage_blocks(const TrainingGraph& graph, std::size_t max_blocks) {
  CutOptions options;
  options.max_blocks = max_blocks;
  options.target_block_ops =
      std::clamp<std::size_t>(forward_part(graph).size() / max_blocks, 1, options.target_block_ops);
  Chain chain = cut_chain(graph, choose_cuts(graph, options));
  if (chain.blocks.empty()) {
    throw InvalidInput(fmt::format("graph '{}' has no forward ops, expected at least one per stage",
                                   shown(graph.name())));
  }
  return chain;
}

StageModel::StageModel(const TrainingGraph& graph, const Chain& chain,
                       const std::vector<std::vector<Candidate>>& candidates) {
  if (!has_blocks(graph, chain)) {
    throw InvalidInput(fmt::format(
        "graph '{}' has other ops than the one that was cut; engines of one pipeline run the same",
        shown(graph.name())));
  }
  ROCKMATE_CHECK(candidates.empty() || candidates.size() == chain.blocks.size());
  const StageStorages storages(graph, chain);
  const BlockCosts costs(graph, chain, storages);
  for (std::size_t b = 0; b < chain.blocks.size(); ++b) {
    chain_.blocks.push_back(
        costs.block(b, candidates.empty() ? std::vector<Candidate>() : candidates[b]));
  }
  fixed_ = fixed_of_ranges(storages, size());
}

}  // namespace rockmate
