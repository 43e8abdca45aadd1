// A product of matrices, one of which is what a dropout left of a tensor whose signs tell it
// (signed_dropouts.h), as the parts of one op: an engine makes some rows of that matrix at a time,
// and never stores it.
#pragma once

#include <optional>

#include "rockmate/graph.h"

namespace rockmate {

/// product(factor * relu(signs), other), or the other way round. Nothing in between is an output.
struct DroppedProduct {
  std::size_t signs, other;  ///< inputs of the op
  bool is_first;             ///< whether what is left is the product's first operand
  double factor;
  const FusedPart* product;
};

/// None: the parts are others. It points into `parts`.
[[nodiscard]] std::optional<DroppedProduct> dropped_product(const FusedParts& parts);

}  // namespace rockmate
