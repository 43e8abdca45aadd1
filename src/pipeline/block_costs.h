// What the blocks of a chain cost as parts of stages, in any of the ways in which a block can be
// run. What crosses a cut forward, whether the next block or a later one reads it (forward or
// backward), is the output of the block before the cut: skip connections ride along. What crosses
// it backward, parameter gradients left out, is the gradient. Where a rider is both in a block's
// input and in its output it is counted twice: on the safe side.
#pragma once

#include <vector>

#include "pipeline/stage_chain.h"
#include "pipeline/stage_storages.h"
#include "schedule/candidate.h"

namespace rockmate {

class BlockCosts {
 public:
  /// All three must outlive it.
  BlockCosts(const TrainingGraph& graph, const Chain& chain, const StageStorages& storages);

  /// The block with those of the candidates that may run and that no other one beats. The first
  /// saves all that its backward part reads.
  [[nodiscard]] StageBlock block(std::size_t b, const std::vector<Candidate>& candidates) const;

 private:
  using Activations = std::vector<StageStorages::Activation>;
  using Gradients = std::vector<StageStorages::Gradient>;

  [[nodiscard]] bool is_forward(OpId op) const {
    return !(chain_.blocks.back().forward.back() < op);
  }
  [[nodiscard]] std::vector<OpId> backward_of(std::size_t b, std::vector<OpId> ops) const;
  [[nodiscard]] BlockCandidate measure(std::size_t b, const StageBlock& block,
                                       const std::vector<OpId>& backward) const;
  [[nodiscard]] Bytes output(std::size_t b) const;
  template <class Stays>
  [[nodiscard]] Bytes forward_peak(std::size_t b, Stays stays) const;
  [[nodiscard]] Bytes gradients_live(std::size_t b, OpId next, bool runs) const;

  const TrainingGraph& graph_;
  const Chain& chain_;
  const StageStorages& storages_;
  std::vector<Activations> made_;       // by block
  std::vector<Gradients> in_backward_;  // by block: used there, and crossing neither of its ends
};

}  // namespace rockmate
