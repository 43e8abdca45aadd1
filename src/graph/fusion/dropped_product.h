// A product of matrices, one of which is what a dropout left of a tensor whose signs tell it
// (signed_dropouts.h), as the parts of one op: an engine makes some rows of that matrix at a time,
// and never stores it.
#pragma once

#include <optional>

#include "rockmate/graph.h"

namespace rockmate {

/// The parts are those of the operand, one behind the other, each element by element from the one
/// before; and the product, whose result is the only output.
struct DroppedProduct {
  std::size_t signs;       ///< input of the op that the first part reads
  std::size_t other;       ///< the other operand of the product
  bool is_first;           ///< whether what is dropped from is the product's first operand
  const FusedPart* relu;   ///< relu(signs)
  const FusedPart* scale;  ///< of that
  const FusedPart* product;
};

/// None: the parts are others. It points into `parts`.
[[nodiscard]] std::optional<DroppedProduct> dropped_product(const FusedParts& parts);

}  // namespace rockmate
