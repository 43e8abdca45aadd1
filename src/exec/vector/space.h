// Spaces of elements for the kernels that move through them with strides.
#pragma once

#include <array>
#include <vector>

#include "exec/reference/strided.h"
#include "exec/vector/kernel.h"

namespace rockmate::vector {

using reference::Strides;

/// Neighbouring axes along which all operands move evenly, as one; there is always one.
struct MergedAxis {
  long extent;
  std::array<long, 3> strides;  ///< of the operands
};
[[nodiscard]] std::vector<MergedAxis> merged_axes(const Shape& shape,
                                                  const std::vector<Strides>& operands);

/// A space of `shape` with up to three operands, the first of which is the result. Lanes run along
/// the last axis, or, where that is short, along the longest one.
[[nodiscard]] ve::Space make_space(const KernelView& kernel, const Shape& shape,
                                   std::vector<Strides> operands);
/// Rows of it.
[[nodiscard]] long rows_of(const ve::Space& space);

}  // namespace rockmate::vector
