// A training iteration as a chain of blocks, for any DAG.
//
// The forward ops are cut anywhere. What lies across a cut is a *bundle*: all forward values made
// before it that a later op reads; skip connections simply ride in several bundles. The other ops
// follow suit: a backward op belongs to the last block among those whose forward values it, or any
// op after it, reads. So the backward parts stand in reverse order, each contiguous in program
// order, and once the backward part of a block has run, nothing made in its forward part is read
// again. An update that follows the ops that made its gradient stays in their block.
//
//   forward   | f0 f1 | f2 f3 f4 | f5 |
//   block         0         1      2
//   the rest                       | loss b5 | b4 b3 b2 | b1 b0 | updates
//                                      2          1         0     tail
#pragma once

#include <cstddef>
#include <vector>

#include "rockmate/training_graph.h"

namespace rockmate {

struct Block {
  std::vector<OpId> forward;   ///< in program order, never empty
  std::vector<OpId> backward;  ///< in program order
};

struct Chain {
  std::vector<Block> blocks;  ///< never empty, unless the graph has no forward ops
  std::vector<OpId> tail;     ///< what runs after the backward part of block 0
};

/// The ops before the first one of phase loss or backward: all of them, in a graph without such.
[[nodiscard]] std::vector<OpId> forward_part(const TrainingGraph& graph);

/// For each op after the forward part, in program order: the values made by the first `reach`
/// forward ops are all that it and the ops after it still read; it belongs to the block of forward
/// op `reach` - 1, or to the tail if that is 0. Never rises. Linear.
[[nodiscard]] std::vector<std::size_t> backward_reach(const TrainingGraph& graph);

/// Cuts the forward part before each of the given positions in it (rising, within 1 .. size - 1).
[[nodiscard]] Chain cut_chain(const TrainingGraph& graph, const std::vector<std::size_t>& cuts);

/// Every forward op a block of its own.
[[nodiscard]] Chain finest_chain(const TrainingGraph& graph);

}  // namespace rockmate
