// Pooling, one plane of an image (a channel) at a time. The gradients scatter into a plane that
// belongs to one thread.

#include <limits>

#include "exec/parallel.h"
#include "exec/reference/taps.h"

namespace rockmate::reference {
namespace {

struct PoolPlan {
  PoolPlan(const KernelView& kernel, const Shape& x, const Shape& y)
      : window(kernel, kernel.attributes.integers("kernel")),
        lattice(forward_lattice(window, y)),
        planes(extent(x, 0, 2)),
        image(spatial(x)),
        pixels(extent(x, 2, x.size())),
        results(lattice.positions()) {}

  // body(result's offset in its plane, its position), for all results of a plane
  template <class F>
  void for_each_result(const F& body) const {
    for_each_stretch(lattice, 0, results,
                     [&](std::int64_t i, std::int64_t, Position t, std::int64_t n) {
                       for (std::int64_t j = 0; j < n; ++j, ++t[lattice.rank - 1]) body(i + j, t);
                     });
  }
  // The place in the plane that a tap reads; -1 in the padding.
  [[nodiscard]] std::int64_t place(const Tap& tap, const Position& t) const {
    std::int64_t at = 0;
    for (std::size_t d = 0; d < lattice.rank; ++d) {
      const std::int64_t coordinate = t[d] * lattice.step[d] + tap.offset[d];
      if (coordinate < 0 || coordinate >= image[d]) return -1;
      at = at * image[d] + coordinate;
    }
    return at;
  }
  template <class F>
  void for_each_plane(int threads, const F& body) const {
    const auto work = static_cast<std::int64_t>(lattice.taps.size()) * results + pixels;
    parallel_for(threads, planes, kGrain / std::max<std::int64_t>(1, work),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t p = begin; p < end; ++p) body(p);
                 });
  }

  Window window;
  Lattice lattice;
  std::int64_t planes;
  Shape image;
  std::int64_t pixels, results;
};

// The first of equal elements wins; NaN wins over all. `I` is the type of the indices.
template <class T, class I>
Body max_pool(const KernelView& kernel) {
  return [plan = PoolPlan(kernel, kernel.shape(), kernel.out_shape())](const Run& run) {
    plan.for_each_plane(run.threads(), [&](std::int64_t p) {
      const T* x = run.in<T>() + p * plan.pixels;
      T* y = run.out<T>(0) + p * plan.results;
      I* indices = run.out<I>(1);
      plan.for_each_result([&](std::int64_t at, const Position& t) {
        T largest = -std::numeric_limits<T>::infinity();
        std::int64_t index = 0;
        for (const Tap& tap : plan.lattice.taps) {
          const std::int64_t place = plan.place(tap, t);
          if (place < 0 || x[place] <= largest) continue;
          largest = x[place];
          index = tap.index;
          if (largest != largest) break;
        }
        y[at] = largest;
        if (indices != nullptr) indices[p * plan.results + at] = static_cast<I>(index);
      });
    });
  };
}

template <class T, class I>
Body max_pool_gradient(const KernelView& kernel) {
  return [plan = PoolPlan(kernel, kernel.out_shape(), kernel.shape())](const Run& run) {
    plan.for_each_plane(run.threads(), [&](std::int64_t p) {
      const T* dy = run.in<T>(0) + p * plan.results;
      const I* indices = run.in<I>(1) + p * plan.results;
      T* dx = run.out<T>() + p * plan.pixels;
      std::fill_n(dx, plan.pixels, T(0));
      plan.for_each_result([&](std::int64_t at, const Position& t) {
        const auto index = static_cast<std::size_t>(indices[at]);
        const std::int64_t place = plan.place(plan.lattice.taps[index], t);
        if (place >= 0) dx[place] += dy[at];
      });
    });
  };
}

// The elements that a window averages over: those of the image, and of the padding where that
// counts, but never those behind it.
std::int64_t divisor(const PoolPlan& plan, const Position& t, bool counts_padding) {
  std::int64_t product = 1;
  for (std::size_t d = 0; d < plan.lattice.rank; ++d) {
    const std::int64_t before = counts_padding ? plan.window.pads[d] : 0;
    const std::int64_t behind = counts_padding ? plan.window.pads[d + plan.lattice.rank] : 0;
    std::int64_t count = 0;
    for (std::int64_t k = 0; k < plan.window.extents[d]; ++k) {
      const std::int64_t at =
          t[d] * plan.window.strides[d] + k * plan.window.dilations[d] - plan.window.pads[d];
      count += at >= -before && at < plan.image[d] + behind ? 1 : 0;
    }
    product *= count;
  }
  return product;
}

template <class T>
Body average_pool(const KernelView& kernel) {
  const bool padding = kernel.attributes.flag("count_include_pad");
  return [plan = PoolPlan(kernel, kernel.shape(), kernel.out_shape()), padding](const Run& run) {
    plan.for_each_plane(run.threads(), [&](std::int64_t p) {
      const T* x = run.in<T>() + p * plan.pixels;
      T* y = run.out<T>() + p * plan.results;
      plan.for_each_result([&](std::int64_t at, const Position& t) {
        double sum = 0;
        for (const Tap& tap : plan.lattice.taps) {
          const std::int64_t place = plan.place(tap, t);
          if (place >= 0) sum += x[place];
        }
        const std::int64_t count = divisor(plan, t, padding);
        y[at] = count == 0 ? T(0) : static_cast<T>(sum / static_cast<double>(count));
      });
    });
  };
}

template <class T>
Body average_pool_gradient(const KernelView& kernel) {
  const bool padding = kernel.attributes.flag("count_include_pad");
  return [plan = PoolPlan(kernel, kernel.out_shape(), kernel.shape()), padding](const Run& run) {
    plan.for_each_plane(run.threads(), [&](std::int64_t p) {
      const T* dy = run.in<T>() + p * plan.results;
      T* dx = run.out<T>() + p * plan.pixels;
      std::fill_n(dx, plan.pixels, T(0));
      plan.for_each_result([&](std::int64_t at, const Position& t) {
        const std::int64_t count = std::max<std::int64_t>(1, divisor(plan, t, padding));
        const T share = dy[at] / static_cast<T>(count);
        for (const Tap& tap : plan.lattice.taps) {
          const std::int64_t place = plan.place(tap, t);
          if (place >= 0) dx[place] += share;
        }
      });
    });
  };
}

Body make_max_pool(const KernelView& kernel) {
  const bool is_gradient = kernel.kind == OpKind::kMaxPoolGradient;
  const DType indices = is_gradient ? kernel.dtype(1) : kernel.outputs[1].dtype;
  return for_floating(kernel, kernel.dtype(), [&](auto t) {
    using T = decltype(t);
    if (is_gradient) {
      return indices == DType::kUInt8 ? max_pool_gradient<T, std::uint8_t>(kernel)
                                      : max_pool_gradient<T, std::int32_t>(kernel);
    }
    return indices == DType::kUInt8 ? max_pool<T, std::uint8_t>(kernel)
                                    : max_pool<T, std::int32_t>(kernel);
  });
}

Body make_average_pool(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(), [&](auto t) {
    using T = decltype(t);
    return kernel.kind == OpKind::kAveragePool ? average_pool<T>(kernel)
                                               : average_pool_gradient<T>(kernel);
  });
}

}  // namespace

void add_pooling_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kMaxPool, kMaxPoolGradient}, make_max_pool);
  add(makers, {kAveragePool, kAveragePoolGradient}, make_average_pool);
}

}  // namespace rockmate::reference
