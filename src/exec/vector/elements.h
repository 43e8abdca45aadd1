// Functions of elements of any type, on the kernel ve_elements.
#pragma once

#include "exec/vector/space.h"

namespace rockmate::vector {

/// Whole numbers and bytes: what the kernels of real numbers do not take.
[[nodiscard]] constexpr bool is_whole(DType dtype) {
  return dtype == DType::kInt32 || dtype == DType::kInt64 || dtype == DType::kUInt8 ||
         dtype == DType::kBool;
}
/// Rejects float16 and the like.
[[nodiscard]] ve::Element element_of(const KernelView& kernel, DType dtype);
/// Of one element. Rejects as `element_of`.
[[nodiscard]] long bytes_of(const KernelView& kernel, DType dtype);

/// y = f(operands), which are broadcast.
[[nodiscard]] Prepared elementwise(const KernelView& kernel, ve::Elementwise function);
/// y = factor * x[origin + strided i], plus the addend.
[[nodiscard]] Prepared element_copy(const KernelView& kernel, const Strides& strides, long origin,
                                    double factor);
/// y = what the attribute `value` becomes in its type.
[[nodiscard]] Prepared element_fill(const KernelView& kernel);
/// The same for real numbers too.
[[nodiscard]] Prepared make_fill(const KernelView& kernel);

}  // namespace rockmate::vector
