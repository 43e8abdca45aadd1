// The chain of a training graph, for people: its blocks, which of them are equal, and what lies
// across the cuts between them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "rockmate/training_graph.h"

namespace rockmate::cli {

/// Blocks that are equal up to renaming.
struct BlockClass {
  std::size_t instances = 0;
  std::size_t forward_ops = 0;   ///< of one instance
  std::size_t backward_ops = 0;  ///< of one instance
  Bytes made;                    ///< by the forward ops of one instance
  Seconds seconds;               ///< of one instance, forward and backward
  std::string first;             ///< the first op of the first instance
};

struct BlockSummary {
  std::size_t blocks = 0;
  std::vector<BlockClass> classes;  ///< by first occurrence
  Bytes largest_bundle;             ///< what lies across the most expensive cut of the chain
  std::size_t bundle_values = 0;
  std::string bundle_before;  ///< the forward op before which that cut lies; empty: there is no cut
};

[[nodiscard]] BlockSummary summarize_blocks(const TrainingGraph& graph);

/// One sentence, and a table of the classes.
[[nodiscard]] std::string blocks_table(const BlockSummary& summary);

}  // namespace rockmate::cli
