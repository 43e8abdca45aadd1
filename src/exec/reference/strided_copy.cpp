// Ops that read their input with strides: transpose, expand, slice.

#include <algorithm>

#include "exec/reference/convert.h"
#include "exec/reference/kernel.h"
#include "exec/reference/strided.h"

namespace rockmate::reference {
namespace {

// y[i] = factor * x[origin + strided i], plus the addend.
Body strided_copy(const KernelView& kernel, Strides strides, std::int64_t origin = 0,
                  double factor = 1) {
  std::vector<Strides> operands;
  operands.push_back(std::move(strides));
  const StridedSpace space(kernel.out_shape(), std::move(operands));
  return for_elements(kernel, kernel.dtype(), [&](auto t) -> Body {
    using T = decltype(t);
    return [=](const Run& run) {
      const T* addend = run.addend<T>();
      const std::int64_t stride = space.stride(0);
      space.for_each_piece(run.threads(), [&](std::int64_t first, std::int64_t n,
                                              const StridedSpace::Offsets& at) {
        const T* x = run.in<T>() + origin + at[0];
        T* y = run.out<T>() + first;
        if (factor != 1) {
          for (std::int64_t i = 0; i < n; ++i) {
            y[i] = convert<T>(static_cast<double>(x[i * stride]) * factor);
          }
        } else if (addend != nullptr) {
          for (std::int64_t i = 0; i < n; ++i) {
            y[i] = wrapping(addend[first + i], x[i * stride], [](auto p, auto q) { return p + q; });
          }
        } else if (stride == 1) {
          std::copy_n(x, n, y);
        } else {
          for (std::int64_t i = 0; i < n; ++i) y[i] = x[i * stride];
        }
      });
    };
  });
}

Body make_transpose(const KernelView& kernel) {
  const Strides x = row_major(kernel.shape());
  Strides strides;
  for (const std::int64_t axis : kernel.attributes.integers("permutation")) {
    strides.push_back(x[static_cast<std::size_t>(axis)]);
  }
  return strided_copy(kernel, std::move(strides));
}

Body make_expand(const KernelView& kernel) {
  return strided_copy(kernel, broadcast_strides(kernel.shape(), kernel.out_shape()), 0,
                      kernel.attributes.real("factor", 1));
}

Body make_slice(const KernelView& kernel) {
  const auto& starts = kernel.attributes.integers("starts");
  const auto& steps = kernel.attributes.integers("steps");
  Strides strides = row_major(kernel.shape());
  std::int64_t origin = 0;
  for (std::size_t a = 0; a < strides.size(); ++a) {
    origin += starts[a] * strides[a];
    strides[a] *= steps[a];
  }
  return strided_copy(kernel, std::move(strides), origin);
}

}  // namespace

void add_strided_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kTranspose}, make_transpose);
  add(makers, {kExpand}, make_expand);
  add(makers, {kSlice}, make_slice);
}

}  // namespace rockmate::reference
