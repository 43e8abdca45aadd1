// Softmax and its logarithm along one axis, and their gradients (dy, y) -> dx. A line along the
// axis belongs to one thread, so it may be written where it is read. Sums are in double precision.

#include <cmath>
#include <limits>

#include "exec/reference/lines.h"

namespace rockmate::reference {
namespace {

// `is_log`: y = x - log(sum of exp(x)), else its exponential.
template <class T>
Body softmax(const KernelView& kernel, bool is_log) {
  return [lines = Lines(kernel, kernel.shape()), is_log](const Run& run) {
    lines.for_each(run.threads(), [&](std::int64_t start) {
      const T* x = run.in<T>() + start;
      T* y = run.out<T>() + start;
      const LogSum<T> sum = log_sum(lines, x);
      if (is_log) {
        lines.visit([&](std::int64_t at) { y[at] = (x[at] - sum.largest) - T(sum.log); });
      } else {
        const T share = T(1 / sum.sum);
        lines.visit([&](std::int64_t at) { y[at] = std::exp(x[at] - sum.largest) * share; });
      }
    });
  };
}

// softmax: y (dy - sum(dy y)); its logarithm: dy - exp(y) sum(dy)
template <class T>
Body softmax_gradient(const KernelView& kernel, bool is_log) {
  return [lines = Lines(kernel, kernel.shape()), is_log](const Run& run) {
    lines.for_each(run.threads(), [&](std::int64_t start) {
      const T* dy = run.in<T>(0) + start;
      const T* y = run.in<T>(1) + start;
      T* dx = run.out<T>() + start;
      double sum = 0;
      lines.visit(
          [&](std::int64_t at) { sum += is_log ? dy[at] : static_cast<double>(dy[at]) * y[at]; });
      const T total = T(sum);
      lines.visit([&](std::int64_t at) {
        dx[at] = is_log ? dy[at] - std::exp(y[at]) * total : y[at] * (dy[at] - total);
      });
    });
  };
}

Body make_softmax(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(), [&](auto t) {
    return softmax<decltype(t)>(kernel, kernel.kind == OpKind::kLogSoftmax);
  });
}
Body make_softmax_gradient(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(), [&](auto t) {
    return softmax_gradient<decltype(t)>(kernel, kernel.kind == OpKind::kLogSoftmaxGradient);
  });
}

}  // namespace

void add_softmax_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kSoftmax, kLogSoftmax}, make_softmax);
  add(makers, {kSoftmaxGradient, kLogSoftmaxGradient}, make_softmax_gradient);
}

}  // namespace rockmate::reference
