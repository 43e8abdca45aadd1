#include <algorithm>

#include "exec/vector/kernel.h"

namespace rockmate::vector {
namespace {

// The pixel before result i.
long source_before(long i, long in, long out, const ve::ResizeArguments& a) {
  if (a.is_nearest) return i * in / out;
  double place = 0;
  if (!a.aligns_corners) {
    place =
        static_cast<double>(in) * (static_cast<double>(i) + 0.5) / static_cast<double>(out) - 0.5;
  } else if (out > 1) {
    place = static_cast<double>(in - 1) * static_cast<double>(i) / static_cast<double>(out - 1);
  }
  return std::min(static_cast<long>(std::max(place, 0.0)), in - 1);
}

long reach_along(long in, long out, const ve::ResizeArguments& a) {
  long reach = 1;
  for (long i = 0; i < out; ++i) {
    const long low = source_before(i, in, out, a);
    for (const long p : {low, std::min(low + 1, in - 1)}) {
      const long first = std::max<long>(0, (p - 1) * out / in - ve::kResizeMargin);
      reach = std::max(reach, i - first + 1);
    }
  }
  return reach;
}

ve::ResizeArguments resize_arguments(const KernelView& kernel, const Shape& x, const Shape& y) {
  ve::ResizeArguments a = {};
  a.wide = is_wide(kernel, kernel.dtype());
  a.is_nearest = kernel.attributes.text("mode") == "nearest";
  a.aligns_corners = !a.is_nearest && kernel.attributes.flag("align_corners");
  if (x.size() - 2 > ve::kMostAxes) {
    kernel.reject("more spatial axes than the vector engine's kernels take");
  }
  a.rank = static_cast<int>(x.size()) - 2;
  a.planes = extent(x, 0, 2);
  a.pixels = extent(x, 2, x.size());
  a.results = extent(y, 2, y.size());
  for (std::size_t d = 0; d + 2 < x.size(); ++d) {
    a.image[d] = x[d + 2];
    a.result[d] = y[d + 2];
    a.reach[d] = reach_along(x[d + 2], y[d + 2], a);
  }
  return a;
}

Prepared make_resize(const KernelView& kernel) {
  return {
      [a = resize_arguments(kernel, kernel.shape(), kernel.out_shape())](const Call& call) mutable {
        a.x = call.in();
        a.y = call.out();
        ROCKMATE_LAUNCH(call, ve_resize, a, ceil_div(a.planes * a.results, ve::kPoolStretch));
      }};
}

Prepared make_gradient(const KernelView& kernel) {
  return {[a = resize_arguments(kernel, kernel.out_shape(), kernel.shape())](
              const Call& call) mutable {
    a.x = call.in();
    a.y = call.out();
    ROCKMATE_LAUNCH(call, ve_resize_gradient, a, ceil_div(a.planes * a.pixels, ve::kPoolStretch));
  }};
}

}  // namespace

void add_resize_kernels(Makers& makers) {
  add(makers, {OpKind::kResize}, make_resize);
  add(makers, {OpKind::kResizeGradient}, make_gradient);
}

}  // namespace rockmate::vector
