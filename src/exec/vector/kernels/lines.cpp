// Softmax, its logarithm and the cross-entropy, a line at a time with lanes along it; and losses
// that are means over all elements.

#include "exec/vector/kernels/functions.h"
#include "exec/vector/kernels/kernels.h"

namespace rockmate::ve {
namespace {

inline long line_start(const LineArguments& a, long line) {
  return line / a.stride * a.stride * a.length + line % a.stride;
}

struct LogSum {
  double largest, sum;
};

// The sum of exp(x - largest) along a line.
template <class T>
LogSum log_sum(const LineArguments& a, const T* x) {
  const int lanes = int(least(kLanes, a.length));
  __vr most = _vel_vbrdd_vsl(-__builtin_inf(), int(kLanes));
  for_lanes(0, a.length, [&](long at, int vl) {
    most = _vel_vfmaxd_vvvvl(most, Real<T>::load(x + at * a.stride, a.stride, vl), most, vl);
  });
  const double largest = largest_of(most, lanes);
  __vr sums = zero(int(kLanes));
  for_lanes(0, a.length, [&](long at, int vl) {
    const __vr v = Real<T>::load(x + at * a.stride, a.stride, vl);
    sums = _vel_vfaddd_vvvvl(sums, exp(add(-largest, v, vl), vl), sums, vl);
  });
  return {largest, sum_of(sums, lanes)};
}

VE_LANES double logarithm(double x) { return _vel_lvsd_svs(log(_vel_vbrdd_vsl(x, 1), 1), 0); }

template <class T>
void softmax_line(const LineArguments& a, long line) {
  const T* x = static_cast<const T*>(a.x) + line_start(a, line);
  T* y = static_cast<T*>(a.y) + line_start(a, line);
  const LogSum sum = log_sum(a, x);
  const double share = a.is_log ? -sum.largest - logarithm(sum.sum) : 1 / sum.sum;
  for_lanes(0, a.length, [&](long at, int vl) {
    const __vr v = Real<T>::load(x + at * a.stride, a.stride, vl);
    const __vr result =
        a.is_log ? add(share, v, vl) : mul(share, exp(add(-sum.largest, v, vl), vl), vl);
    Real<T>::store(result, y + at * a.stride, a.stride, vl);
  });
}

template <class T>
void softmax(const LineArguments& a, long begin, long end) {
  for (const long r : repeat(end - begin)) softmax_line<T>(a, begin + r);
}

// softmax: y (dy - sum(dy y)); its logarithm: dy - exp(y) sum(dy). `x` is y here.
template <class T>
void softmax_gradient(const LineArguments& a, long begin, long end) {
  const int lanes = int(least(kLanes, a.length));
  for (const long r : repeat(end - begin)) {
    const long start = line_start(a, begin + r);
    const T* dy = static_cast<const T*>(a.dy) + start;
    const T* y = static_cast<const T*>(a.x) + start;
    T* dx = static_cast<T*>(a.y) + start;
    __vr sums = zero(int(kLanes));
    for_lanes(0, a.length, [&](long at, int vl) {
      const __vr g = Real<T>::load(dy + at * a.stride, a.stride, vl);
      const __vr part = a.is_log ? g : mul(g, Real<T>::load(y + at * a.stride, a.stride, vl), vl);
      sums = _vel_vfaddd_vvvvl(sums, part, sums, vl);
    });
    const double total = sum_of(sums, lanes);
    for_lanes(0, a.length, [&](long at, int vl) {
      const __vr g = Real<T>::load(dy + at * a.stride, a.stride, vl);
      const __vr v = Real<T>::load(y + at * a.stride, a.stride, vl);
      const __vr result =
          a.is_log ? fma(-total, exp(v, vl), g, vl) : mul(v, add(-total, g, vl), vl);
      Real<T>::store(result, dx + at * a.stride, a.stride, vl);
    });
  }
}

inline long target_of(const LineArguments& a, long line) {
  if (a.wide_targets) return scalar(static_cast<const long*>(a.targets) + line);
  return scalar(static_cast<const int*>(a.targets) + line);
}

// (logits, targets) -> what each line adds to the loss, and its log_sum
template <class T>
void cross_entropy(const LineArguments& a, long begin, long end) {
  for (const long r : repeat(end - begin)) {
    const long line = begin + r;
    const T* x = static_cast<const T*>(a.x) + line_start(a, line);
    const LogSum sum = log_sum(a, x);
    const double total = sum.largest + logarithm(sum.sum);
    const long target = target_of(a, line);
    const bool counts = target != a.ignored;
    const double chosen = double(scalar(x + (counts ? target : 0) * a.stride));
    put_scalar(a.parts + line, counts ? total - chosen : 0.0);
    if (a.log_sum_out != nullptr) put_scalar(static_cast<T*>(a.log_sum_out) + line, T(total));
  }
}

// (dloss, logits, targets, log_sum) -> dlogits
template <class T>
void cross_entropy_gradient(const LineArguments& a, long begin, long end) {
  const double share =
      a.counted == 0 ? 0 : double(scalar(static_cast<const T*>(a.scale))) / a.counted;
  for (const long r : repeat(end - begin)) {
    const long line = begin + r;
    const T* x = static_cast<const T*>(a.x) + line_start(a, line);
    T* dx = static_cast<T*>(a.y) + line_start(a, line);
    const double total = double(scalar(static_cast<const T*>(a.log_sums) + line));
    const long target = target_of(a, line);
    const double factor = target == a.ignored ? 0 : share;
    for_lanes(0, a.length, [&](long at, int vl) {
      const __vr v = Real<T>::load(x + at * a.stride, a.stride, vl);
      const __vr e = exp(add(-total, v, vl), vl);
      const __vr distance = _vel_vaddsl_vsvl(at - target, _vel_vseq_vl(vl), vl);
      const __vr less = add(-1.0, e, vl);
      const __vr result = choose(_vel_vfmkleq_mvl(distance, vl), less, e, vl);
      Real<T>::store(mul(factor, result, vl), dx + at * a.stride, a.stride, vl);
    });
  }
}

template <class T>
void loss(const LossArguments& a, long, long) {
  const T* x = static_cast<const T*>(a.x);
  const T* target = static_cast<const T*>(a.target);
  const auto* parts = static_cast<const double*>(a.x);
  const int lanes = int(least(kLanes, a.count));
  __vr sums = zero(int(kLanes));
  for_lanes(0, a.count, [&](long at, int vl) {
    if (a.function == Pairwise::kSum) {
      sums = _vel_vfaddd_vvvvl(sums, Real<double>::load(parts + at, 1, vl), sums, vl);
      return;
    }
    const __vr v = Real<T>::load(x + at, 1, vl);
    if (a.function == Pairwise::kNorm) {
      sums = _vel_vfmadd_vvvvvl(sums, v, v, sums, vl);
      return;
    }
    const __vr t = Real<T>::load(target + at, 1, vl);
    if (a.function == Pairwise::kSquare) {
      const __vr distance = sub(v, t, vl);
      sums = _vel_vfmadd_vvvvvl(sums, distance, distance, sums, vl);
      return;
    }
    // log(1 + exp(x)) - t x, without overflow
    const __vr e = exp(mul(-1.0, magnitude(v, vl), vl), vl);
    const __vr tail = log(add(1.0, e, vl), vl);
    const __vr part = add(sub(_vel_vfmaxd_vsvl(0.0, v, vl), mul(t, v, vl), vl), tail, vl);
    sums = _vel_vfaddd_vvvvl(sums, part, sums, vl);
  });
  const double total = sum_of(sums, lanes);
  put_scalar(static_cast<T*>(a.y), a.divisor == 0 ? T(0) : T(total / a.divisor));
}

template <class T>
void loss_gradient(const LossArguments& a, long begin, long end) {
  const T* x = static_cast<const T*>(a.x);
  const T* target = static_cast<const T*>(a.target);
  const double share = double(scalar(static_cast<const T*>(a.scale))) / a.divisor;
  for_lanes(begin * kMapStretch, least(end * kMapStretch, a.count), [&](long at, int vl) {
    const __vr v = Real<T>::load(x + at, 1, vl);
    const __vr t = Real<T>::load(target + at, 1, vl);
    const __vr slope =
        a.function == Pairwise::kSquare ? mul(2.0, sub(v, t, vl), vl) : sub(sigmoid(v, vl), t, vl);
    Real<T>::store(mul(share, slope, vl), static_cast<T*>(a.y) + at, 1, vl);
  });
}

template <class T>
void clip_factor(const ClipArguments& a, long, long) {
  double sum = 0;
  for (long i = 0; i < a.count; ++i) sum += double(scalar(static_cast<const T*>(a.squares[i])));
  const double norm = _vel_lvsd_svs(_vel_vfsqrtd_vvl(_vel_vbrdd_vsl(sum, 1), 1), 0);
  const double factor = a.largest / (norm + a.epsilon);
  put_scalar(static_cast<T*>(a.y), T(factor < 1 ? factor : 1));
}

}  // namespace

VE_KERNEL(ve_clip_factor, ClipArguments, clip_factor)
VE_KERNEL(ve_softmax, LineArguments, softmax)
VE_KERNEL(ve_softmax_gradient, LineArguments, softmax_gradient)
VE_KERNEL(ve_cross_entropy, LineArguments, cross_entropy)
VE_KERNEL(ve_cross_entropy_gradient, LineArguments, cross_entropy_gradient)
VE_KERNEL(ve_loss, LossArguments, loss)
VE_KERNEL(ve_loss_gradient, LossArguments, loss_gradient)

}  // namespace rockmate::ve
