// Sums, means and extrema over axes. Sums are in double precision.

#include <functional>
#include <limits>

#include "exec/reference/kernel.h"
#include "exec/reference/reduction_plan.h"

namespace rockmate::reference {
namespace {

Body make_sum(const KernelView& kernel) {
  const ReductionPlan plan(kernel.shape(), kernel.attributes.integers("axes"));
  const auto elements = static_cast<double>(element_count(kernel.shape()));
  const auto results = static_cast<double>(element_count(kernel.out_shape()));
  const double share = kernel.kind == OpKind::kReduceMean ? results / elements : 1;
  return for_floating(kernel, kernel.dtype(), [&](auto t) -> Body {
    using T = decltype(t);
    return [plan, share](const Run& run) {
      const T* x = run.in<T>();
      T* y = run.out<T>();
      for_each_sum(
          run.threads(), plan, [&](std::int64_t at) { return static_cast<double>(x[at]); },
          [&](std::int64_t o, double sum) { y[o] = static_cast<T>(sum * share); });
    };
  });
}

template <class T, class Better>
Body extremum(const KernelView& kernel, T worst, Better better) {
  const ReductionPlan plan(kernel.shape(), kernel.attributes.integers("axes"));
  return [=](const Run& run) {
    const T* x = run.in<T>();
    T* y = run.out<T>();
    for_each_group(run.threads(), plan, [&](std::int64_t o, const auto& members) {
      T best = worst;
      members([&](std::int64_t at) { best = better(x[at], best) ? x[at] : best; });
      y[o] = best;
    });
  };
}

Body make_extremum(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(), [&](auto t) {
    using T = decltype(t);
    constexpr T kInfinity = std::numeric_limits<T>::infinity();
    return kernel.kind == OpKind::kReduceMax ? extremum<T>(kernel, -kInfinity, std::greater<T>())
                                             : extremum<T>(kernel, kInfinity, std::less<T>());
  });
}

// (dy, x, y) -> dx, shared evenly among the elements that equal the extremum.
Body make_extremum_gradient(const KernelView& kernel) {
  const ReductionPlan plan(kernel.shape(1), kernel.attributes.integers("axes"));
  return for_floating(kernel, kernel.dtype(), [&](auto t) -> Body {
    using T = decltype(t);
    return [plan](const Run& run) {
      const T* dy = run.in<T>(0);
      const T* x = run.in<T>(1);
      const T* y = run.in<T>(2);
      T* dx = run.out<T>();
      for_each_group(run.threads(), plan, [&](std::int64_t o, const auto& members) {
        std::int64_t equals = 0;
        members([&](std::int64_t at) { equals += x[at] == y[o] ? 1 : 0; });
        const T share = equals == 0 ? T(0) : dy[o] / static_cast<T>(equals);
        members([&](std::int64_t at) { dx[at] = x[at] == y[o] ? share : T(0); });
      });
    };
  });
}

}  // namespace

void add_reduction_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kReduceSum, kReduceMean}, make_sum);
  add(makers, {kReduceMax, kReduceMin}, make_extremum);
  add(makers, {kReduceExtremumGradient}, make_extremum_gradient);
}

}  // namespace rockmate::reference
