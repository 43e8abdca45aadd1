// Functions of one element, and gradients of a gradient's element and what was saved for it. Those
// with a mask write its bit beside each element, or read it.

#include "exec/vector/kernels/activations.h"
#include "exec/vector/kernels/kernels.h"

namespace rockmate::ve {
namespace {

template <class T>
void map(const MapArguments& a, long begin, long end) {
  const T* x = static_cast<const T*>(a.x);
  T* y = static_cast<T*>(a.y);
  auto* mask = static_cast<unsigned char*>(a.mask);
  for_lanes(begin * kMapStretch, least(end * kMapStretch, a.count), [&](long at, int vl) {
    const __vr result = value(a.function, Real<T>::load(x + at, 1, vl), a.p, a.q, vl);
    Real<T>::store(result, y + at, 1, vl);
    if (mask != nullptr) write_mask(passes(a.function, result, a.p, a.q, vl), mask, at, vl);
  });
}

template <class T>
void map_gradient(const MapArguments& a, long begin, long end) {
  const T* dy = static_cast<const T*>(a.x);
  const T* saved = static_cast<const T*>(a.saved);
  T* dx = static_cast<T*>(a.y);
  const auto* mask = static_cast<const unsigned char*>(a.read_mask);
  const double rest = a.function == Function::kLeakyRelu ? a.p : 0;
  for_lanes(begin * kMapStretch, least(end * kMapStretch, a.count), [&](long at, int vl) {
    const __vr gradient = Real<T>::load(dy + at, 1, vl);
    if (mask != nullptr) {
      const __vm256 kept = read_mask(mask, at, vl);
      Real<T>::store(choose(kept, gradient, mul(rest, gradient, vl), vl), dx + at, 1, vl);
    } else {
      const __vr factor = slope(a.function, Real<T>::load(saved + at, 1, vl), a.p, a.q, vl);
      Real<T>::store(mul(gradient, factor, vl), dx + at, 1, vl);
    }
  });
}

// What float32 arithmetic would have stored and read again.
template <class T>
VE_LANES __vr keep(Vr v, int vl) {
  if constexpr (sizeof(T) == sizeof(float)) return _vel_vcvtds_vvl(_vel_vcvtsd_vvl(v, vl), vl);
  return v;
}

template <class T>
void update(const UpdateArguments& a, long begin, long end) {
  T* parameter = static_cast<T*>(a.parameter);
  const T* gradient = static_cast<const T*>(a.gradient);
  T* first = static_cast<T*>(a.first);
  T* second = static_cast<T*>(a.second);
  const double factor = a.factor == nullptr ? 1 : double(scalar(static_cast<const T*>(a.factor)));
  for_lanes(begin * kMapStretch, least(end * kMapStretch, a.count), [&](long at, int vl) {
    const __vr w = Real<T>::load(parameter + at, 1, vl);
    const __vr scaled = mul(factor, Real<T>::load(gradient + at, 1, vl), vl);
    if (a.function == Optimizer::kAccumulate) {
      const __vm256 starts = _vel_vfmklgt_mvl(_vel_vbrdl_vsl(a.starts ? 1 : 0, vl), vl);
      const __vr part = mul(a.rate, scaled, vl);
      Real<T>::store(choose(starts, part, add(w, part, vl), vl), parameter + at, 1, vl);
      return;
    }
    const __vr g = fma(a.decay, w, scaled, vl);
    if (a.function == Optimizer::kSgd) {
      Real<T>::store(fma(-a.rate, g, w, vl), parameter + at, 1, vl);
      return;
    }
    const __vr m = Real<T>::load(first + at, 1, vl);
    if (a.function == Optimizer::kMomentum) {
      const __vr velocity = keep<T>(fma(a.momentum, m, g, vl), vl);
      Real<T>::store(velocity, first + at, 1, vl);
      Real<T>::store(fma(-a.rate, velocity, w, vl), parameter + at, 1, vl);
      return;
    }
    const __vr v = Real<T>::load(second + at, 1, vl);
    const __vr mean = keep<T>(fma(a.beta1, m, mul(1 - a.beta1, g, vl), vl), vl);
    const __vr square = keep<T>(fma(a.beta2, v, mul(1 - a.beta2, mul(g, g, vl), vl), vl), vl);
    Real<T>::store(mean, first + at, 1, vl);
    Real<T>::store(square, second + at, 1, vl);
    const __vr root = _vel_vfsqrtd_vvl(mul(a.correction, square, vl), vl);
    const __vr step = div(mul(a.rate, mean, vl), add(a.epsilon, root, vl), vl);
    const __vr shrunk = mul(1 - a.shrink, w, vl);
    Real<T>::store(sub(shrunk, step, vl), parameter + at, 1, vl);
  });
}

}  // namespace

VE_KERNEL(ve_map, MapArguments, map)
VE_KERNEL(ve_map_gradient, MapArguments, map_gradient)
VE_KERNEL(ve_update, UpdateArguments, update)

}  // namespace rockmate::ve
