// Spaces of elements for the kernels that move through them with strides.
#pragma once

#include <vector>

#include "exec/reference/strided.h"
#include "exec/vector/kernel.h"

namespace rockmate::vector {

using reference::Strides;

/// A space of `shape` with up to three operands, the first of which is the result. Neighbouring
/// axes along which all move evenly become one. Lanes run along the last axis, or, where that is
/// short, along the longest one.
[[nodiscard]] ve::Space make_space(const KernelView& kernel, const Shape& shape,
                                   std::vector<Strides> operands);
/// Rows of it.
[[nodiscard]] long rows_of(const ve::Space& space);

}  // namespace rockmate::vector
