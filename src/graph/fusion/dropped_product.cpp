#include "graph/fusion/dropped_product.h"

namespace rockmate {

std::optional<DroppedProduct> dropped_product(const FusedParts& parts) {
  if (parts.parts.size() != 3) return std::nullopt;
  const FusedPart& relu = parts.parts[0];
  const FusedPart& scale = parts.parts[1];
  const FusedPart& product = parts.parts[2];
  if (relu.kind != OpKind::kRelu || scale.kind != OpKind::kScale ||
      product.kind != OpKind::kMatMul || product.inputs.size() != 2) {
    return std::nullopt;
  }
  const std::size_t passed = parts.inputs;
  const std::size_t dropped = passed + relu.outputs.size();
  const std::size_t result = dropped + 1;
  const bool is_first = product.inputs[0] == dropped;
  const std::size_t other = product.inputs[is_first ? 1 : 0];
  const bool fits = scale.inputs.front() == passed && scale.attributes.real("offset") == 0 &&
                    (is_first || product.inputs[1] == dropped) && other < parts.inputs &&
                    parts.outputs == std::vector<std::size_t>{result};
  if (!fits) return std::nullopt;
  return DroppedProduct{relu.inputs.front(), other, is_first, scale.attributes.real("factor"),
                        &product};
}

}  // namespace rockmate
