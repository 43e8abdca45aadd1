// A training iteration of one micro-batch as a chain that can be cut into stages: what its blocks
// cost, and what a stage of any of its intervals has to hold for good.
#pragma once

#include <cstddef>
#include <vector>

#include "graph/chain.h"
#include "pipeline/stage_chain.h"
#include "pipeline/stage_storages.h"
#include "rockmate/training_graph.h"
#include "schedule/candidate.h"

namespace rockmate {

/// Cuts the graph into at most `max_blocks` >= 1 blocks, between which stages are cut: as many as
/// are allowed. Throws InvalidInput for a graph without forward ops.
[[nodiscard]] Chain cut_stage_blocks(const TrainingGraph& graph, std::size_t max_blocks);

class StageModel {
 public:
  /// `candidates`: by block of the chain; or none for all: blocks are kept whole or run again as a
  /// whole. The chain may be that of a graph with the same ops and other seconds and workspaces.
  /// Throws InvalidInput where the ops differ.
  StageModel(const TrainingGraph& graph, const Chain& chain,
             const std::vector<std::vector<Candidate>>& candidates = {});
  /// As `cut_stage_blocks` cuts it. Throws as that does.
  StageModel(const TrainingGraph& graph, std::size_t max_blocks,
             const std::vector<std::vector<Candidate>>& candidates = {})
      : StageModel(graph, cut_stage_blocks(graph, max_blocks), candidates) {}

  [[nodiscard]] const StageChain& chain() const { return chain_; }
  [[nodiscard]] std::size_t size() const { return chain_.blocks.size(); }
  /// A source that several blocks read counts once per stage: a tied parameter is copied to each
  /// stage that reads it, with its part of the gradient; its state is where the gradient is summed.
  [[nodiscard]] const StageFixed& fixed(StageRange range) const {
    return fixed_[range.first * size() + range.last];
  }

 private:
  StageChain chain_;
  std::vector<StageFixed> fixed_;
};

}  // namespace rockmate
