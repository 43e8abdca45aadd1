// Normalisations: what one mean and variance belong to is a task of its own (norm_plan.h). A set is
// read three times forward (mean, variance, result) and three times backward; it stays in the
// last-level cache between them where it fits.

#include "exec/vector/kernels/functions.h"
#include "exec/vector/kernels/kernels.h"

namespace rockmate::ve {
namespace {

// body(first element, place of its scale, lanes) for all registers of a set
template <class F>
inline void for_each_register(const NormArguments& a, long set, const F& body) {
  const long affine = set % a.period * a.affine_set;
  for (const long r : repeat(a.runs)) {
    const long first = set * a.set_stride + r * a.run_stride;
    const long place = affine + r * a.affine_run;
    for_lanes(0, a.length, [&](long at, int vl) {
      body(first + at * a.element_stride, a.per_element ? at : place, vl);
    });
  }
}

inline int lanes_used(const NormArguments& a) { return int(least(kLanes, a.length)); }

template <class T>
VE_LANES __vr scales(const NormArguments& a, const void* from, long place, double absent, int vl) {
  if (from == nullptr) return _vel_vbrdd_vsl(absent, vl);
  const T* p = static_cast<const T*>(from) + place;
  return a.per_element ? Real<T>::load(p, 1, vl) : _vel_vbrdd_vsl(double(scalar(p)), vl);
}

template <class T>
inline double inverse_deviation(const NormArguments& a, long set) {
  return 1 / root(double(scalar(static_cast<const T*>(a.variances) + set)) + a.epsilon);
}

// Rounded as they are written: batch norm is the same in one op or in two.
struct Statistics {
  double mean, variance;
};

template <class T>
Statistics statistics_of(const NormArguments& a, long set) {
  const T* x = static_cast<const T*>(a.x);
  const double count = double(a.runs * a.length);
  const int lanes = lanes_used(a);
  __vr sum = zero(int(kLanes));
  for_each_register(a, set, [&](long at, long, int vl) {
    sum = _vel_vfaddd_vvvvl(sum, Real<T>::load(x + at, a.element_stride, vl), sum, vl);
  });
  const double mean = sum_of(sum, lanes) / count;
  sum = zero(int(kLanes));
  for_each_register(a, set, [&](long at, long, int vl) {
    const __vr distance = add(-mean, Real<T>::load(x + at, a.element_stride, vl), vl);
    sum = _vel_vfmadd_vvvvvl(sum, distance, distance, sum, vl);
  });
  return {double(T(mean)), double(T(sum_of(sum, lanes) / count))};
}

template <class T>
void norm_set(const NormArguments& a, long set) {
  const T* x = static_cast<const T*>(a.x);
  T* y = static_cast<T*>(a.y);
  const Statistics found = statistics_of<T>(a, set);
  const double inverse = 1 / root(found.variance + a.epsilon);
  if (a.mean_out != nullptr) put_scalar(static_cast<T*>(a.mean_out) + set, T(found.mean));
  if (a.variance_out != nullptr) {
    put_scalar(static_cast<T*>(a.variance_out) + set, T(found.variance));
  }
  if (y == nullptr) return;
  for_each_register(a, set, [&](long at, long place, int vl) {
    const __vr distance = add(-found.mean, Real<T>::load(x + at, a.element_stride, vl), vl);
    const __vr normal = mul(inverse, distance, vl);
    const __vr result =
        fma(normal, scales<T>(a, a.scale, place, 1, vl), scales<T>(a, a.bias, place, 0, vl), vl);
    Real<T>::store(result, y + at, a.element_stride, vl);
  });
}

template <class T>
void norm(const NormArguments& a, long begin, long end) {
  for (const long r : repeat(end - begin)) norm_set<T>(a, begin + r);
}

// The gradient at a place; behind a clamp, where its operand, y of x, lies within.
template <class T>
VE_LANES __vr gradient_at(const NormArguments& a, long at, long place, Vr distance, double inverse,
                          int vl) {
  const __vr g = Real<T>::load(static_cast<const T*>(a.dy) + at, a.element_stride, vl);
  if (!a.is_clamped) return g;
  apart();
  const __vr y = fma(mul(inverse, distance, vl), scales<T>(a, a.scale, place, 1, vl),
                     scales<T>(a, a.bias, place, 0, vl), vl);
  const __vm256 passes =
      _vel_andm_mmm(is_positive(add(-a.low, y, vl), vl), is_positive(sub(a.high, y, vl), vl));
  return choose(passes, g, 0.0, vl);
}

// dx = (g - mean(g) - n mean(g n)) / deviation with g = dy scale, n = (x - mean) / deviation
template <class T>
void gradient_set(const NormArguments& a, long set) {
  const T* x = static_cast<const T*>(a.x);
  T* dx = static_cast<T*>(a.y);
  const double mean = double(scalar(static_cast<const T*>(a.means) + set));
  const double inverse = inverse_deviation<T>(a, set);
  const double count = double(a.runs * a.length);
  const int lanes = lanes_used(a);
  __vr sum = zero(int(kLanes));
  __vr product = zero(int(kLanes));
  for_each_register(a, set, [&](long at, long place, int vl) {
    const __vr distance = add(-mean, Real<T>::load(x + at, a.element_stride, vl), vl);
    const __vr g = mul(gradient_at<T>(a, at, place, distance, inverse, vl),
                       scales<T>(a, a.scale, place, 1, vl), vl);
    sum = _vel_vfaddd_vvvvl(sum, g, sum, vl);
    product = _vel_vfmadd_vvvvvl(product, g, distance, product, vl);
  });
  const double mean_g = sum_of(sum, lanes) / count;
  const double slope = sum_of(product, lanes) / count * inverse * inverse;
  for_each_register(a, set, [&](long at, long place, int vl) {
    const __vr distance = add(-mean, Real<T>::load(x + at, a.element_stride, vl), vl);
    const __vr g = mul(gradient_at<T>(a, at, place, distance, inverse, vl),
                       scales<T>(a, a.scale, place, 1, vl), vl);
    const __vr rest = fma(-slope, distance, add(-mean_g, g, vl), vl);
    Real<T>::store(mul(inverse, rest, vl), dx + at, a.element_stride, vl);
  });
}

template <class T>
void norm_gradient(const NormArguments& a, long begin, long end) {
  for (const long r : repeat(end - begin)) gradient_set<T>(a, begin + r);
}

// dscale = sum of dy n, dbias = sum of dy, over all runs of a channel.
template <class T>
void channel_sums(const NormArguments& a, long channel) {
  const T* x = static_cast<const T*>(a.x);
  const int lanes = lanes_used(a);
  const bool owns_set = a.affine_run == 0;
  const long rounds = owns_set ? a.runs : a.sets / a.period;
  double scale_sum = 0;
  double bias_sum = 0;
  for (const long r : repeat(rounds)) {
    const long set = owns_set ? channel : channel / a.runs + r * a.period;
    const long run = owns_set ? r : channel % a.runs;
    const long first = set * a.set_stride + run * a.run_stride;
    const double mean = double(scalar(static_cast<const T*>(a.means) + set));
    const double inverse = inverse_deviation<T>(a, set);
    __vr sum = zero(int(kLanes));
    __vr product = zero(int(kLanes));
    for_lanes(0, a.length, [&](long at, int vl) {
      const long place = first + at * a.element_stride;
      const __vr distance = add(-mean, Real<T>::load(x + place, a.element_stride, vl), vl);
      const __vr g = gradient_at<T>(a, place, channel, distance, inverse, vl);
      sum = _vel_vfaddd_vvvvl(sum, g, sum, vl);
      product = _vel_vfmadd_vvvvvl(product, g, distance, product, vl);
    });
    bias_sum += sum_of(sum, lanes);
    scale_sum += sum_of(product, lanes) * inverse;
  }
  if (a.dscale != nullptr) put_scalar(static_cast<T*>(a.dscale) + channel, T(scale_sum));
  if (a.dbias != nullptr) put_scalar(static_cast<T*>(a.dbias) + channel, T(bias_sum));
}

template <class T>
void norm_channels(const NormArguments& a, long begin, long end) {
  for (const long r : repeat(end - begin)) channel_sums<T>(a, begin + r);
}

// The same for scales and biases per element: tasks are registers of them.
template <class T>
void norm_columns(const NormArguments& a, long begin, long end) {
  const T* x = static_cast<const T*>(a.x);
  const T* dy = static_cast<const T*>(a.dy);
  for_lanes(begin * kLanes, least(end * kLanes, a.length), [&](long at, int vl) {
    __vr sum = zero(int(kLanes));
    __vr product = zero(int(kLanes));
    for (const long set : repeat(a.sets)) {
      const double mean = double(scalar(static_cast<const T*>(a.means) + set));
      const double inverse = inverse_deviation<T>(a, set);
      const long place = set * a.set_stride + at;
      const __vr g = Real<T>::load(dy + place, 1, vl);
      const __vr distance = add(-mean, Real<T>::load(x + place, 1, vl), vl);
      sum = add(sum, g, vl);
      product = fma(mul(inverse, distance, vl), g, product, vl);
    }
    if (a.dscale != nullptr) Real<T>::store(product, static_cast<T*>(a.dscale) + at, 1, vl);
    if (a.dbias != nullptr) Real<T>::store(sum, static_cast<T*>(a.dbias) + at, 1, vl);
  });
}

template <class T, class R>
void follow(const RunningArguments& a, long begin, long end) {
  const T* batch = static_cast<const T*>(a.batch);
  R* running = static_cast<R*>(a.running);
  for_lanes(begin * kLanes, least(end * kLanes, a.channels), [&](long at, int vl) {
    const __vr old = mul(1 - a.momentum, Real<R>::load(running + at, 1, vl), vl);
    const __vr now = Real<T>::load(batch + at, 1, vl);
    Real<R>::store(fma(a.momentum * a.factor, now, old, vl), running + at, 1, vl);
  });
}

template <class T>
void running(const RunningArguments& a, long begin, long end) {
  if (a.running_wide) return follow<T, double>(a, begin, end);
  follow<T, float>(a, begin, end);
}

}  // namespace

VE_KERNEL(ve_norm, NormArguments, norm)
VE_KERNEL(ve_norm_gradient, NormArguments, norm_gradient)
VE_KERNEL(ve_norm_channels, NormArguments, norm_channels)
VE_KERNEL(ve_norm_columns, NormArguments, norm_columns)
VE_KERNEL(ve_running, RunningArguments, running)

}  // namespace rockmate::ve
