// Which function of the kernels an op is.
#pragma once

#include <optional>

#include "exec/vector/kernel.h"

namespace rockmate::vector {

struct NamedFunction {
  ve::Function function;
  double p = 0, q = 0;
};
/// Of one operand, or of a gradient, whose kind has the same function; none: it is neither.
[[nodiscard]] std::optional<NamedFunction> function_of(OpKind kind, const Attributes& attributes);
[[nodiscard]] std::optional<ve::Binary> binary_of(OpKind kind);

}  // namespace rockmate::vector
