// Point-wise parts of a fused kernel as one launch, and a batch norm's application alone.
#pragma once

#include <optional>

#include "exec/vector/kernel.h"

namespace rockmate::vector {

/// None: a part is not point-wise, or what they make of each other is no chain: two parts read a
/// value, or both operands of a part are made by several.
[[nodiscard]] std::optional<Prepared> make_chain(const KernelView& kernel);

/// (x, mean, variance, scale, bias) -> y
[[nodiscard]] Prepared make_batch_norm_apply(const KernelView& kernel);

}  // namespace rockmate::vector
