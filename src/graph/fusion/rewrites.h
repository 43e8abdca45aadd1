// What makes a tape ready for fusion: ops are split where a part of them is cheap to run again, and
// gradients compute an operand again that is cheap to make from what is there anyway.
#pragma once

#include <cstddef>
#include <vector>

#include "graph/tape.h"

namespace rockmate {

/// Each batch norm becomes its statistics and their application: the latter can run again without
/// the former.
void split_batch_norms(Tape& tape);

/// An operand that a gradient computes again instead of keeping it. Pays only where both ops
/// become one.
struct Recomputed {
  std::size_t step = 0;    ///< that makes it again; right before the gradient
  std::size_t reader = 0;  ///< the gradient
  std::size_t operand = 0;
  TensorId original;  ///< what the gradient read before
};
/// In the order of the steps; indices are those of the tape afterwards.
[[nodiscard]] std::vector<Recomputed> recompute_operands(Tape& tape);

}  // namespace rockmate
