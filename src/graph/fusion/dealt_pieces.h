// A concatenation of pieces element by element, and a split of what it makes, as the parts of one
// op: the channel shuffle of ShuffleNet on rows of pixels, with the concatenation before it and the
// split behind it. An engine that reads the pieces once and writes the parts moves each byte once.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "rockmate/graph.h"

namespace rockmate {

/// part[row][column][piece] = piece[row][first column of the part + column]
struct DealtPieces {
  std::int64_t rows;
  std::int64_t columns;             ///< of a row of each piece
  std::vector<std::int64_t> sizes;  ///< columns of each part
};

/// None: the parts are others, or outputs are not those of the split.
[[nodiscard]] std::optional<DealtPieces> dealt_pieces(const FusedParts& parts,
                                                      const std::vector<const TensorType*>& inputs);

}  // namespace rockmate
