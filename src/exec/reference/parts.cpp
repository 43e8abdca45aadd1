// Wholes and their parts: concat, split, and the gradient of slice.

#include <algorithm>

#include "exec/reference/convert.h"
#include "exec/reference/kernel.h"
#include "exec/reference/strided.h"

namespace rockmate::reference {
namespace {

// Along the axis, a whole is a row of parts, repeated `outer` times; widths are in elements.
struct Parts {
  Parts(const KernelView& kernel, const Shape& whole, const std::vector<TensorType>& parts) {
    const auto axis = static_cast<std::size_t>(kernel.attributes.integer("axis"));
    outer = extent(whole, 0, axis);
    width = extent(whole, axis, whole.size());
    for (const TensorType& part : parts) {
      widths.push_back(extent(part.shape, axis, part.shape.size()));
    }
  }
  // body(part, start in the whole, start in the part, elements)
  template <class F>
  void for_each_stretch(int threads, const F& body) const {
    parallel_for(threads, outer, kGrain / std::max<std::int64_t>(1, width),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t o = begin; o < end; ++o) {
                     std::int64_t start = o * width;
                     for (std::size_t p = 0; p < widths.size(); ++p) {
                       body(p, start, o * widths[p], widths[p]);
                       start += widths[p];
                     }
                   }
                 });
  }

  std::int64_t outer, width;
  std::vector<std::int64_t> widths;
};

Body make_concat(const KernelView& kernel) {
  return for_elements(kernel, kernel.dtype(), [&](auto t) -> Body {
    using T = decltype(t);
    return [parts = Parts(kernel, kernel.out_shape(), kernel.inputs)](const Run& run) {
      parts.for_each_stretch(
          run.threads(), [&](std::size_t p, std::int64_t whole, std::int64_t part, std::int64_t n) {
            std::copy_n(run.in<T>(p) + part, n, run.out<T>() + whole);
          });
    };
  });
}

Body make_split(const KernelView& kernel) {
  return for_elements(kernel, kernel.dtype(), [&](auto t) -> Body {
    using T = decltype(t);
    return [parts = Parts(kernel, kernel.shape(), kernel.outputs)](const Run& run) {
      parts.for_each_stretch(
          run.threads(), [&](std::size_t p, std::int64_t whole, std::int64_t part, std::int64_t n) {
            std::copy_n(run.in<T>() + whole, n, run.out<T>(p) + part);
          });
    };
  });
}

// dx = zeros or the addend, plus dy where the slice read.
Body make_slice_gradient(const KernelView& kernel) {
  const auto& starts = kernel.attributes.integers("starts");
  const auto& steps = kernel.attributes.integers("steps");
  std::vector<Strides> operands = {row_major(kernel.out_shape())};
  std::int64_t origin = 0;
  for (std::size_t a = 0; a < starts.size(); ++a) {
    origin += starts[a] * operands[0][a];
    operands[0][a] *= steps[a];
  }
  const StridedSpace space(kernel.shape(), std::move(operands));
  const std::int64_t count = element_count(kernel.out_shape());
  return for_numbers(kernel, kernel.dtype(), [&](auto t) -> Body {
    using T = decltype(t);
    return [=](const Run& run) {
      const T* dy = run.in<T>();
      const T* addend = run.addend<T>();
      T* dx = run.out<T>();
      if (addend == nullptr) std::fill_n(dx, count, T(0));
      if (addend != nullptr && addend != dx) std::copy_n(addend, count, dx);
      space.for_each_piece(
          run.threads(), [&](std::int64_t first, std::int64_t n, const StridedSpace::Offsets& at) {
            T* place = dx + origin + at[0];
            for (std::int64_t i = 0; i < n; ++i, place += space.stride(0)) {
              *place = wrapping(*place, dy[first + i], [](auto p, auto q) { return p + q; });
            }
          });
    };
  });
}

}  // namespace

void add_part_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kConcat}, make_concat);
  add(makers, {kSplit}, make_split);
  add(makers, {kSliceGradient}, make_slice_gradient);
}

}  // namespace rockmate::reference
