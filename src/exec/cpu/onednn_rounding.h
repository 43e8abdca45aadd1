// What is multiplied as bfloat16 (attribute `bf16`): operands are rounded on their way into the
// workspace, to the nearest and of two to the even one; products are exact and their sums float32.
#pragma once

#include "exec/cpu/onednn.h"
#include "exec/cpu/onednn_product.h"

namespace rockmate::cpu::onednn {

/// Whether the op may round, on a processor that has instructions for it.
[[nodiscard]] bool rounds(const Attributes& attributes);
/// The same elements as bfloat16; of a format that is plain, or left to oneDNN.
[[nodiscard]] Desc rounded(Desc desc);

/// Inputs of a kernel.
struct ProductOperands {
  std::size_t a = 0, b = 1;
  std::optional<std::size_t> bias = std::nullopt;  ///< per column
};
/// A product of rounded operands, which may be added to an addend. Nothing where oneDNN has no good
/// one.
[[nodiscard]] std::optional<Prepared> prepare_rounded(const Product& product,
                                                      const ProductOperands& operands, bool adds);

}  // namespace rockmate::cpu::onednn
