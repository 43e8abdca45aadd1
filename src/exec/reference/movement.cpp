// Ops that copy, fill or cut out, or change the type of elements.

#include <algorithm>

#include "exec/reference/convert.h"
#include "exec/reference/elementwise.h"

namespace rockmate::reference {
namespace {

// A view lies where its input lies; where it does not, it is a copy.
Body make_reshape(const KernelView& kernel) {
  return for_elements(kernel, kernel.dtype(), [&](auto t) -> Body {
    using T = decltype(t);
    return [copy = map<T>(kernel, [](T x) { return x; })](const Run& run) {
      if (run.in<T>() != run.out<T>()) copy(run);
    };
  });
}

// Row by row of the result: `value`, what lies within x, `value`.
Body make_pad(const KernelView& kernel) {
  // A scalar is a row of one element.
  Shape x = kernel.shape();
  std::vector<std::int64_t> before = kernel.attributes.integers("before");
  Shape y = kernel.out_shape();
  if (y.empty()) {
    x = y = {1};
    before = {0};
  }
  return for_elements(kernel, kernel.dtype(), [&](auto t) -> Body {
    using T = decltype(t);
    return [=, value = convert<T>(kernel.attributes.real("value"))](const Run& run) {
      const std::int64_t width = y.back();
      const std::int64_t low = std::clamp<std::int64_t>(before.back(), 0, width);
      const std::int64_t high = std::clamp<std::int64_t>(before.back() + x.back(), low, width);
      const auto fill_row = [&](std::int64_t row) {
        T* line = run.out<T>() + row * width;
        bool inside = true;
        std::int64_t from = 0;
        std::int64_t scale = x.back();
        for (std::size_t a = y.size() - 1; a-- > 0; row /= y[a]) {
          const std::int64_t at = row % y[a] - before[a];
          inside = inside && at >= 0 && at < x[a];
          from += at * scale;
          scale *= x[a];
        }
        if (!inside || low == high) {
          std::fill_n(line, width, value);
          return;
        }
        std::fill_n(line, low, value);
        std::copy_n(run.in<T>() + from + low - before.back(), high - low, line + low);
        std::fill_n(line + high, width - high, value);
      };
      parallel_for(run.threads(), extent(y, 0, y.size() - 1),
                   kGrain / std::max<std::int64_t>(1, width),
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t row = begin; row < end; ++row) fill_row(row);
                   });
    };
  });
}

Body make_trilu(const KernelView& kernel) {
  const bool upper = kernel.attributes.flag("upper");
  const std::int64_t diagonal = kernel.attributes.integer("diagonal");
  const Shape& shape = kernel.shape();
  const std::int64_t width = shape.back();
  const std::int64_t height = shape[shape.size() - 2];
  return for_elements(kernel, kernel.dtype(), [&](auto t) -> Body {
    using T = decltype(t);
    return [=, count = element_count(kernel.shape())](const Run& run) {
      const T* x = run.in<T>();
      T* y = run.out<T>();
      parallel_for(run.threads(), count, kGrain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t e = begin; e < end; ++e) {
          const std::int64_t right = e % width - e / width % height;
          y[e] = (upper ? right >= diagonal : right <= diagonal) ? x[e] : T(0);
        }
      });
    };
  });
}

template <class From, class To>
Body cast(const KernelView& kernel) {
  const bool to_bool = kernel.outputs[0].dtype == DType::kBool;
  return [to_bool, count = element_count(kernel.shape())](const Run& run) {
    const From* x = run.in<From>();
    To* y = run.out<To>();
    parallel_for(run.threads(), count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      if (to_bool) {
        for (std::int64_t i = begin; i < end; ++i) y[i] = static_cast<To>(x[i] != 0 ? 1 : 0);
      } else {
        for (std::int64_t i = begin; i < end; ++i) y[i] = convert<To>(x[i]);
      }
    });
  };
}

Body make_cast(const KernelView& kernel) {
  return for_elements(kernel, kernel.dtype(), [&](auto from) {
    return for_elements(kernel, kernel.outputs[0].dtype,
                        [&](auto to) { return cast<decltype(from), decltype(to)>(kernel); });
  });
}

Body make_fill(const KernelView& kernel) {
  return for_elements(kernel, kernel.outputs[0].dtype, [&](auto t) -> Body {
    using T = decltype(t);
    return [value = convert<T>(kernel.attributes.real("value")),
            count = element_count(kernel.out_shape())](const Run& run) {
      parallel_for(run.threads(), count, kGrain, [&](std::int64_t begin, std::int64_t end) {
        std::fill(run.out<T>() + begin, run.out<T>() + end, value);
      });
    };
  });
}

}  // namespace

void add_movement_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kReshape, kReinterpret}, make_reshape);
  add(makers, {kPad}, make_pad);
  add(makers, {kTrilu}, make_trilu);
  add(makers, {kCast}, make_cast);
  add(makers, {kFill}, make_fill);
}

}  // namespace rockmate::reference
