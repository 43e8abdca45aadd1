// Blocks that are equal up to renaming: a solution for one is a solution for all of them.
// Two blocks are equal if their ops, in order, have the same costs and rules and use local and
// outside values in the same pattern. Who made an outside value, or who else reads it, does not
// matter; which values of the block are read outside of it does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "graph/chain.h"

namespace rockmate {

/// A hash of what makes blocks equal: the same in every process and on every machine, for a cache.
struct BlockHash {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend auto operator<=>(const BlockHash&, const BlockHash&) = default;
};
/// 32 hexadecimal digits.
[[nodiscard]] std::string to_string(BlockHash hash);

/// The ops and values of one block in canonical order. In two equal blocks, what stands at the
/// same position corresponds.
struct BlockNames {
  std::vector<OpId> ops;        ///< forward, then backward
  std::vector<ValueId> values;  ///< by first use; local and outside
};

struct Repeats {
  std::vector<std::size_t> class_of;  ///< by block of the chain: 0, 1, ... by first occurrence
  std::vector<std::size_t> representative;  ///< by class: the first block of it
  std::vector<BlockHash> hash;              ///< by class
  std::vector<BlockNames> names;            ///< by block of the chain

  [[nodiscard]] std::size_t classes() const { return representative.size(); }
};

/// Of a whole iteration: all that its schedules depend on. Linear.
[[nodiscard]] BlockHash hash_of(const TrainingGraph& graph);

/// Linear in the number of uses, times a logarithm.
[[nodiscard]] Repeats find_repeats(const TrainingGraph& graph, const Chain& chain);

}  // namespace rockmate
