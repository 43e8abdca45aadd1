// Where to cut the forward part of a graph into blocks: few bytes across each cut, equal blocks
// where the network repeats itself, and blocks that a per-block solver can solve. The result is
// rising and within 1 .. size - 1, as `cut_chain` wants it.
#pragma once

#include <cstddef>
#include <limits>
#include <vector>

#include "rockmate/training_graph.h"

namespace rockmate {

struct CutOptions {
  /// Blocks at most, whatever the graph; above it, neighbours are joined beyond max_block_ops.
  std::size_t max_blocks = std::numeric_limits<std::size_t>::max();
  std::size_t max_block_ops = 24;     ///< forward ops per block at most
  std::size_t target_block_ops = 10;  ///< where solving a block costs as much as an average cut
};

/// Time: forward ops times max_block_ops. Throws InvalidInput for an option that is 0.
[[nodiscard]] std::vector<std::size_t> choose_cuts(const TrainingGraph& graph,
                                                   const CutOptions& options = {});

}  // namespace rockmate
