#include "graph/fusion/dealt_pieces.h"

#include <algorithm>

namespace rockmate {
namespace {

// Pieces [..., columns, 1], all of one type, are the op's inputs, in their order.
bool joins_elements(const FusedPart& concat, const std::vector<const TensorType*>& inputs) {
  const auto rank = static_cast<std::int64_t>(inputs.front()->shape.size());
  if (concat.kind != OpKind::kConcat || rank < 2 || inputs.front()->shape.back() != 1 ||
      concat.attributes.integer("axis") != rank - 1 || concat.inputs.size() != inputs.size()) {
    return false;
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (concat.inputs[i] != i || *inputs[i] != *inputs.front()) return false;
  }
  return true;
}

}  // namespace

std::optional<DealtPieces> dealt_pieces(const FusedParts& parts,
                                        const std::vector<const TensorType*>& inputs) {
  if (parts.parts.size() != 2 || inputs.empty()) return std::nullopt;
  const FusedPart& concat = parts.parts[0];
  const FusedPart& split = parts.parts[1];
  if (!joins_elements(concat, inputs) || split.kind != OpKind::kSplit ||
      split.inputs != std::vector{parts.inputs} || !parts.optional.empty()) {
    return std::nullopt;
  }
  const Shape& piece = inputs.front()->shape;
  if (split.attributes.integer("axis") != static_cast<std::int64_t>(piece.size()) - 2) {
    return std::nullopt;
  }
  if (parts.outputs.size() != split.outputs.size()) return std::nullopt;
  for (std::size_t o = 0; o < parts.outputs.size(); ++o) {
    if (parts.outputs[o] != parts.inputs + 1 + o) return std::nullopt;
  }
  const std::int64_t columns = piece[piece.size() - 2];
  if (columns == 0) return std::nullopt;
  return DealtPieces{element_count(piece) / columns, columns, split.attributes.integers("sizes")};
}

}  // namespace rockmate
