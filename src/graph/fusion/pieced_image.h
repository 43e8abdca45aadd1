// A convolution, one of its gradients, or a pooling, whose image lies in pieces, as the parts of
// one op: a concatenation of channels that it alone reads, or slices that alone read the gradient
// that it makes. An engine need not store that image.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "rockmate/graph.h"

namespace rockmate {

struct PiecedImage {
  /// Channels of the image, and the op's input that they are; of a gradient by the image, the
  /// output.
  struct Piece {
    std::size_t operand;
    std::int64_t first, count;
  };
  std::vector<Piece> pieces;
  std::size_t part;         ///< that has the image; others may stand behind a convolution
  const TensorType* image;  ///< lies in the parts
  bool is_dealt;            ///< the pieces are outputs
};

/// None: the parts are others, or somebody else reads the image.
[[nodiscard]] std::optional<PiecedImage> pieced_image(const FusedParts& parts,
                                                      const std::vector<const TensorType*>& inputs);

}  // namespace rockmate
