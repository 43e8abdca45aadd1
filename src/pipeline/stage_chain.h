// A stage as a chain of blocks, for planners of rematerialization: what they may choose for each
// block, and what each choice costs. Block s reads the output of block s - 1 in both directions;
// its backward turns the gradient of its output into that of its input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rockmate/units.h"

namespace rockmate {

/// One way to run a block so that its backward can run later.
struct BlockCandidate {
  Seconds forward, backward;
  Seconds weights = {};           ///< the part of the backward that can wait: parameter gradients
  Bytes saved;                    ///< from the forward to the backward, the block's output included
  Bytes forward_transient = {};   ///< more than that, while the forward runs
  Bytes backward_transient = {};  ///< more than that and both gradients, while the backward runs
  /// What its backward runs where that is more than the block's backward ops, for who carries it
  /// out: ops by position, those of the forward before those of the backward.
  std::vector<std::uint32_t> runs = {};
};

struct StageBlock {
  Bytes output;
  Bytes gradient;             ///< of the output
  Seconds pass;               ///< a forward that keeps the output alone
  Bytes pass_transient = {};  ///< more than its input and output, while it runs
  bool runs_again = true;     ///< else no pass may run it, and its candidates run once
  std::vector<BlockCandidate> candidates;
};

struct StageChain {
  Bytes input;           ///< what is received per micro-batch
  Bytes input_gradient;  ///< what is sent back
  std::vector<StageBlock> blocks;

  /// The input of block s.
  [[nodiscard]] Bytes input_before(std::size_t s) const {
    return s == 0 ? input : blocks[s - 1].output;
  }
  /// The gradient of block s's input.
  [[nodiscard]] Bytes gradient_before(std::size_t s) const {
    return s == 0 ? input_gradient : blocks[s - 1].gradient;
  }
};

}  // namespace rockmate
