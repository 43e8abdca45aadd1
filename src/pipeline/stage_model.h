// A training iteration of one micro-batch as a chain that can be cut into stages: what its blocks
// cost, and what a stage of any of its intervals has to hold for good.
#pragma once

#include <cstddef>
#include <vector>

#include "graph/chain.h"
#include "pipeline/stage_chain.h"
#include "pipeline/stage_plan.h"
#include "rockmate/training_graph.h"

namespace rockmate {

/// What a stage holds and does once per iteration, however many micro-batches there are.
struct StageFixed {
  Bytes parameters;  ///< and statistics
  Bytes gradients;   ///< of the parameters, summed over micro-batches
  Bytes states;      ///< of the optimizer
  Bytes data;        ///< inputs of one micro-batch that the stage reads
  Seconds update;
  Bytes update_workspace;  ///< the largest
  [[nodiscard]] Bytes all(std::size_t micro_batches) const {
    return parameters + gradients + states + update_workspace +
           Bytes(data.count() * static_cast<std::int64_t>(micro_batches));
  }
};

class StageModel {
 public:
  /// Cuts the graph into at most `max_blocks` >= 1 blocks. Throws InvalidInput for a graph without
  /// forward ops.
  StageModel(const TrainingGraph& graph, std::size_t max_blocks);
  /// Cuts it where another one was cut, of a graph with the same ops and other seconds and
  /// workspaces. Throws InvalidInput where the ops differ.
  StageModel(const TrainingGraph& graph, const StageModel& other);

  /// The chain that was cut, for who runs it.
  [[nodiscard]] const Chain& ops() const { return ops_; }
  [[nodiscard]] const StageChain& chain() const { return chain_; }
  [[nodiscard]] std::size_t size() const { return chain_.blocks.size(); }
  /// A source that several blocks read counts once per stage: a tied parameter is copied to each
  /// stage that reads it, with its part of the gradient; its state is where the gradient is summed.
  [[nodiscard]] const StageFixed& fixed(StageRange range) const {
    return fixed_[range.first * size() + range.last];
  }

 private:
  Chain ops_;
  StageChain chain_;
  std::vector<StageFixed> fixed_;
};

}  // namespace rockmate
