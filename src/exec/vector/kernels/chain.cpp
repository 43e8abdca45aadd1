// Point-wise steps one after the other: a register goes through all of them between one load and
// one store. What steps hand to each other is not rounded to the type of the elements in between.

#include "exec/vector/kernels/activations.h"
#include "exec/vector/kernels/kernels.h"

namespace rockmate::ve {
namespace {

// The elements at, at + 1, ... of a row.
struct Place {
  long row, at;
};

template <class T>
VE_LANES __vr spread(const ChainArguments& a, const void* data, Spread how, const Place& place,
                     int vl) {
  const T* p = static_cast<const T*>(data);
  if (how == Spread::kBeside || how == Spread::kColumn) {
    const long first = how == Spread::kBeside ? place.row * a.length : 0;
    return Real<T>::load(p + first + place.at, 1, vl);
  }
  apart();
  const long index = how == Spread::kChannel ? place.row % a.channels : 0;
  return _vel_vbrdd_vsl(double(scalar(p + index)), vl);
}

// 1 / the deviation. A quotient and a root are dear: of a number for the whole row, one each.
template <class T>
VE_LANES __vr inverse_deviation(const ChainArguments& a, const ChainOperand& o, const Place& place,
                                int vl) {
  if (o.numbers == Spread::kChannel) {
    const T* variances = static_cast<const T*>(o.variance);
    const double variance = double(scalar(variances + place.row % a.channels));
    return _vel_vbrdd_vsl(1 / root(variance + o.epsilon), vl);
  }
  apart();
  const __vr variance = spread<T>(a, o.variance, o.numbers, place, vl);
  return div(1.0, _vel_vfsqrtd_vvl(add(o.epsilon, variance, vl), vl), vl);
}

template <class T>
VE_LANES __vr operand(const ChainArguments& a, const ChainOperand& o, const Place& place, int vl) {
  const __vr x = spread<T>(a, o.data, o.spread, place, vl);
  if (o.mean == nullptr) return x;
  apart();
  const __vr inverse = inverse_deviation<T>(a, o, place, vl);
  const __vr distance = sub(x, spread<T>(a, o.mean, o.numbers, place, vl), vl);
  __vr scale = _vel_vbrdd_vsl(1.0, vl);
  __vr bias = zero(vl);
  if (o.scale != nullptr) {
    apart();
    scale = spread<T>(a, o.scale, o.numbers, place, vl);
  }
  if (o.bias != nullptr) {
    apart();
    bias = spread<T>(a, o.bias, o.numbers, place, vl);
  }
  return fma(mul(inverse, distance, vl), scale, bias, vl);
}

template <class T>
VE_LANES __vr next(const ChainArguments& a, const ChainStep& step, Vr v, const Place& place,
                   int vl) {
  if (step.verb == ChainVerb::kMap) {
    apart();
    return value(step.function, v, step.p, step.q, vl);
  }
  const __vr other = operand<T>(a, step.operand, place, vl);
  switch (step.verb) {
    case ChainVerb::kBinary:
      apart();
      return combine(step.binary, v, other, vl);
    case ChainVerb::kReversed:
      apart();
      return combine(step.binary, other, v, vl);
    case ChainVerb::kSlope:
      apart();
      return mul(v, slope(step.function, other, step.p, step.q, vl), vl);
    default:
      apart();
      return mul(other, slope(step.function, v, step.p, step.q, vl), vl);
  }
}

template <class T>
VE_LANES void run_register(const ChainArguments& a, const Place& place, int vl) {
  __vr v = operand<T>(a, a.first, place, vl);
  for (int s = 0; s < a.count; ++s) v = next<T>(a, a.steps[s], v, place, vl);
  Real<T>::store(v, static_cast<T*>(a.y) + place.row * a.length + place.at, 1, vl);
  if (a.mask == nullptr) return;
  const ChainStep& last = a.steps[a.count - 1];
  write_mask(passes(last.function, v, last.p, last.q, vl), static_cast<unsigned char*>(a.mask),
             place.at, vl);
}

template <class T>
void chain(const ChainArguments& a, long begin, long end) {
  if (a.rows == 1) {
    for_lanes(begin * kMapStretch, least(end * kMapStretch, a.length), [&](long at, int vl) {
      run_register<T>(a, {0, at}, vl);
    });
    return;
  }
  for (const long r : repeat(end - begin)) {
    for_lanes(0, a.length, [&](long at, int vl) { run_register<T>(a, {begin + r, at}, vl); });
  }
}

}  // namespace

VE_KERNEL(ve_chain, ChainArguments, chain)

}  // namespace rockmate::ve
