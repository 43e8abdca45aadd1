// Resizing, one plane (a channel of an image) at a time. Along each axis an element of the result
// has two sources with weights; nearest is the case in which one of them has the weight 1.

#include <algorithm>
#include <cmath>

#include "exec/parallel.h"
#include "exec/reference/taps.h"

namespace rockmate::reference {
namespace {

struct AxisSource {
  std::int64_t low = 0, high = 0;
  double share = 0;  // of `high`
};

AxisSource source_of(std::int64_t i, std::int64_t in, std::int64_t out,
                     const Attributes& attributes) {
  if (attributes.text("mode") == "nearest") return {i * in / out, i * in / out, 0};
  const auto extent_in = static_cast<double>(in);
  const auto extent_out = static_cast<double>(out);
  double place = (static_cast<double>(i) + 0.5) * extent_in / extent_out - 0.5;
  if (attributes.flag("align_corners")) {
    place = out == 1 ? 0 : static_cast<double>(i) * (extent_in - 1) / (extent_out - 1);
  }
  place = std::max(place, 0.0);
  const std::int64_t low = std::min(static_cast<std::int64_t>(place), in - 1);
  return {low, std::min(low + 1, in - 1), place - static_cast<double>(low)};
}

struct ResizePlan {
  ResizePlan(const KernelView& kernel, const Shape& x, const Shape& y)
      : image(spatial(x)),
        planes(extent(x, 0, 2)),
        pixels(extent(x, 2, x.size())),
        results(extent(y, 2, y.size())),
        sources(image.size()) {
    for (std::size_t d = 0; d < image.size(); ++d) {
      for (std::int64_t i = 0; i < y[d + 2]; ++i) {
        sources[d].push_back(source_of(i, image[d], y[d + 2], kernel.attributes));
      }
    }
  }
  // body(source in the plane, weight) for each source of a result
  template <class F>
  void for_each_source(std::int64_t result, const F& body) const {
    const std::size_t rank = image.size();
    Position low = {}, high = {};
    std::array<double, kMostAxes> share = {};
    for (std::size_t d = rank; d-- > 0;) {
      const auto count = static_cast<std::int64_t>(sources[d].size());
      const AxisSource& source = sources[d][static_cast<std::size_t>(result % count)];
      result /= count;
      low[d] = source.low;
      high[d] = source.high;
      share[d] = source.share;
    }
    for (unsigned corner = 0; corner < 1U << rank; ++corner) {
      std::int64_t at = 0;
      double weight = 1;
      for (std::size_t d = 0; d < rank; ++d) {
        const bool is_high = (corner >> d & 1) != 0;
        at = at * image[d] + (is_high ? high[d] : low[d]);
        weight *= is_high ? share[d] : 1 - share[d];
      }
      if (weight != 0) body(at, weight);
    }
  }
  template <class F>
  void for_each_plane(int threads, const F& body) const {
    parallel_for(threads, planes, kGrain / std::max<std::int64_t>(1, 8 * results),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t p = begin; p < end; ++p) body(p);
                 });
  }

  Shape image;
  std::int64_t planes, pixels, results;
  std::vector<std::vector<AxisSource>> sources;  // per axis and position in the result
};

template <class T>
Body resize(const KernelView& kernel) {
  return [plan = ResizePlan(kernel, kernel.shape(), kernel.out_shape())](const Run& run) {
    plan.for_each_plane(run.threads(), [&](std::int64_t p) {
      const T* x = run.in<T>() + p * plan.pixels;
      T* y = run.out<T>() + p * plan.results;
      for (std::int64_t r = 0; r < plan.results; ++r) {
        double sum = 0;
        plan.for_each_source(r, [&](std::int64_t at, double weight) { sum += weight * x[at]; });
        y[r] = static_cast<T>(sum);
      }
    });
  };
}

template <class T>
Body resize_gradient(const KernelView& kernel) {
  return [plan = ResizePlan(kernel, kernel.out_shape(), kernel.shape())](const Run& run) {
    plan.for_each_plane(run.threads(), [&](std::int64_t p) {
      const T* dy = run.in<T>() + p * plan.results;
      T* dx = run.out<T>() + p * plan.pixels;
      std::fill_n(dx, plan.pixels, T(0));
      for (std::int64_t r = 0; r < plan.results; ++r) {
        plan.for_each_source(
            r, [&](std::int64_t at, double weight) { dx[at] += static_cast<T>(weight * dy[r]); });
      }
    });
  };
}

Body make_resize(const KernelView& kernel) {
  if (kernel.shape().size() - 2 > kMostAxes) {
    kernel.reject("more spatial axes than the reference engine takes");
  }
  return for_floating(kernel, kernel.dtype(), [&](auto t) {
    using T = decltype(t);
    return kernel.kind == OpKind::kResize ? resize<T>(kernel) : resize_gradient<T>(kernel);
  });
}

}  // namespace

void add_resize_kernels(Makers& makers) {
  add(makers, {OpKind::kResize, OpKind::kResizeGradient}, make_resize);
}

}  // namespace rockmate::reference
