// Resizing. A result has two sources along each axis, `low` and the pixel behind it, whose share is
// what is left of its place; nearest is the case of one source. Gradients turn that round: lanes
// are pixels, and each looks at all results that it may be a source of, along each axis the `reach`
// ones from the first on that it can be, and takes the share that they had of it. So nothing is
// added in memory, and the order of a sum is that of the results.

#include "exec/vector/kernels/kernels.h"
#include "exec/vector/kernels/window.h"

namespace rockmate::ve {
namespace {

using Arguments = ResizeArguments;

struct Source {
  __vr low, share;  // a pixel; of the one behind it
};

// Of results i along an axis, real numbers in lanes.
VE_LANES Source source_of(const Arguments& a, int axis, Vr i, int vl) {
  const long in = a.image[axis];
  const long out = a.result[axis];
  if (a.is_nearest) {
    apart();
    return {divide(_vel_vmulsl_vsvl(in, i, vl), out, vl).quotient, _vel_vbrdd_vsl(0.0, vl)};
  }
  const __vr real = _vel_vcvtdl_vvl(i, vl);
  __vr place = zero(vl);
  if (!a.aligns_corners) {
    apart();
    const __vr scaled = mul(double(in), add(0.5, real, vl), vl);
    place = add(-0.5, div(scaled, _vel_vbrdd_vsl(double(out), vl), vl), vl);
  } else if (out > 1) {
    apart();
    place = div(mul(double(in - 1), real, vl), _vel_vbrdd_vsl(double(out - 1), vl), vl);
  }
  const __vr inside = _vel_vfmaxd_vsvl(0.0, place, vl);
  const __vr low = _vel_vminsl_vsvl(in - 1, _vel_vcvtldrz_vvl(inside, vl), vl);
  return {low, sub(inside, _vel_vcvtdl_vvl(low, vl), vl)};
}

template <class T>
void resize(const Arguments& a, long begin, long end) {
  const long count = a.planes * a.results;
  for_lanes(begin * kPoolStretch, least(end * kPoolStretch, count), [&](long first, int vl) {
    __vr sum = zero(vl);
    const long corners = a.is_nearest ? 1 : 1L << a.rank;
    for (long corner = 0; corner < corners; ++corner) {
      __vr rest = numbers(first, 1, vl);
      __vr weight = _vel_vbrdd_vsl(1.0, vl);
      __vr place = zero(vl);
      long stride = 1;
      for (int d = a.rank - 1; d >= 0; --d) {
        const Division coordinate = divide(rest, a.result[d], vl);
        rest = coordinate.quotient;
        const Source source = source_of(a, d, coordinate.rest, vl);
        // The one behind it, and its share; or it, and the rest.
        const long high = corner >> d & 1;
        const __vr at =
            _vel_vminsl_vsvl(a.image[d] - 1, _vel_vaddsl_vsvl(high, source.low, vl), vl);
        const __vr part = add(double(1 - high), mul(double(2 * high - 1), source.share, vl), vl);
        weight = mul(weight, part, vl);
        place = _vel_vaddsl_vvvl(place, _vel_vmulsl_vsvl(stride, at, vl), vl);
        stride *= a.image[d];
      }
      place = _vel_vaddsl_vvvl(place, _vel_vmulsl_vsvl(a.pixels, rest, vl), vl);
      const __vr addresses = addresses_of(static_cast<const T*>(a.x), place, vl);
      const __vm256 counts = is_positive(weight, vl);
      sum = fma(weight, Real<T>::gather(addresses, counts, vl), sum, vl);
    }
    Real<T>::store(sum, static_cast<T*>(a.y) + first, 1, vl);
  });
}

// The share of pixels p in results i along an axis.
VE_LANES __vr share_of(const Arguments& a, int axis, Vr p, Vr i, int vl) {
  const Source source = source_of(a, axis, i, vl);
  const __vr behind = _vel_vminsl_vsvl(a.image[axis] - 1, _vel_vaddsl_vsvl(1, source.low, vl), vl);
  const __vm256 is_low = _vel_vfmkleq_mvl(_vel_vsubsl_vvvl(source.low, p, vl), vl);
  const __vm256 is_high = _vel_vfmkleq_mvl(_vel_vsubsl_vvvl(behind, p, vl), vl);
  const __vr low = choose(is_low, sub(1.0, source.share, vl), 0.0, vl);
  return add(low, choose(is_high, source.share, 0.0, vl), vl);
}

VE_LANES __vr first_results(const Arguments& a, int axis, Vr p, int vl) {
  const long in = a.image[axis];
  const long out = a.result[axis];
  const __vr scaled = _vel_vmulsl_vsvl(out, _vel_vaddsl_vsvl(-1, p, vl), vl);
  const __vr first = _vel_vaddsl_vsvl(-kResizeMargin, divide(scaled, in, vl).quotient, vl);
  return _vel_vmaxsl_vsvl(0, first, vl);
}

template <class T>
void resize_gradient(const Arguments& a, long begin, long end) {
  const long count = a.planes * a.pixels;
  long choices = 1;
  for (int d = 0; d < a.rank; ++d) choices *= a.reach[d];
  for_lanes(begin * kPoolStretch, least(end * kPoolStretch, count), [&](long first, int vl) {
    __vr sum = zero(vl);
    for (long choice = 0; choice < choices; ++choice) {
      long digits = choice;
      __vr rest = numbers(first, 1, vl);
      __vr weight = _vel_vbrdd_vsl(1.0, vl);
      __vr place = zero(vl);
      long stride = 1;
      for (int d = a.rank - 1; d >= 0; --d) {
        const Division coordinate = divide(rest, a.image[d], vl);
        rest = coordinate.quotient;
        const __vr start = first_results(a, d, coordinate.rest, vl);
        const __vr i = _vel_vaddsl_vsvl(digits % a.reach[d], start, vl);
        digits /= a.reach[d];
        const __vr share = share_of(a, d, coordinate.rest, i, vl);
        weight = mul(weight, choose(within(i, a.result[d], vl), share, 0.0, vl), vl);
        place = _vel_vaddsl_vvvl(place, _vel_vmulsl_vsvl(stride, i, vl), vl);
        stride *= a.result[d];
      }
      place = _vel_vaddsl_vvvl(place, _vel_vmulsl_vsvl(a.results, rest, vl), vl);
      const __vr addresses = addresses_of(static_cast<const T*>(a.x), place, vl);
      const __vm256 counts = is_positive(weight, vl);
      sum = fma(weight, Real<T>::gather(addresses, counts, vl), sum, vl);
    }
    Real<T>::store(sum, static_cast<T*>(a.y) + first, 1, vl);
  });
}

}  // namespace

VE_KERNEL(ve_resize, ResizeArguments, resize)
VE_KERNEL(ve_resize_gradient, ResizeArguments, resize_gradient)

}  // namespace rockmate::ve
