// Elementary functions of vectors in double precision. The Vector Engine has none: they are made of
// polynomials and of the bits of numbers. Absolute errors are below 1e-15 of the larger of 1 and
// the result; the few steps that float32 needs less would save nothing, as memory bounds it.
//
//   exp: x = n log 2 + r with |r| < 0.35, 13 terms of the series of exp(r)
//   log: x = 2^n m with sqrt(1/2) <= m < sqrt(2); s = (m - 1) / (m + 1), 11 odd terms in s
//   sin: x = n pi/2 + r, in three parts of pi/2; series up to r^17 (|x| < 1e5 or so)
//   erfc: t exp(-x^2 + p(t)) with t = 2 / (2 + x), p a Chebyshev sum fitted with 50 digits
#pragma once

#include "exec/vector/kernels/vector_unit.h"

namespace rockmate::ve {

VE_LANES __vr add(Vr a, Vr b, int vl) { return _vel_vfaddd_vvvl(a, b, vl); }
VE_LANES __vr add(double a, Vr b, int vl) { return _vel_vfaddd_vsvl(a, b, vl); }
VE_LANES __vr sub(Vr a, Vr b, int vl) { return _vel_vfsubd_vvvl(a, b, vl); }
VE_LANES __vr sub(double a, Vr b, int vl) { return _vel_vfsubd_vsvl(a, b, vl); }
VE_LANES __vr mul(Vr a, Vr b, int vl) { return _vel_vfmuld_vvvl(a, b, vl); }
VE_LANES __vr mul(double a, Vr b, int vl) { return _vel_vfmuld_vsvl(a, b, vl); }
VE_LANES __vr div(Vr a, Vr b, int vl) { return _vel_vfdivd_vvvl(a, b, vl); }
VE_LANES __vr div(double a, Vr b, int vl) { return _vel_vfdivd_vsvl(a, b, vl); }
/// a * b + c
VE_LANES __vr fma(Vr a, Vr b, Vr c, int vl) { return _vel_vfmadd_vvvvl(c, a, b, vl); }
VE_LANES __vr fma(Vr a, Vr b, double c, int vl) { return _vel_vfmadd_vsvvl(c, a, b, vl); }
VE_LANES __vr fma(double a, Vr b, Vr c, int vl) { return _vel_vfmadd_vvsvl(c, a, b, vl); }
/// `yes` where the mask is set
VE_LANES __vr choose(Vm mask, Vr yes, Vr no, int vl) { return _vel_vmrg_vvvml(no, yes, mask, vl); }
VE_LANES __vr choose(Vm mask, Vr yes, double no, int vl) {
  return _vel_vmrg_vsvml(bits_of(no), yes, mask, vl);
}
VE_LANES __vm256 is_positive(Vr x, int vl) { return _vel_vfmkdgt_mvl(x, vl); }
VE_LANES __vr magnitude(Vr x, int vl) { return _vel_vand_vsvl(0x7fffffffffffffffUL, x, vl); }
/// |x| with the sign of `sign`
VE_LANES __vr with_sign(Vr x, Vr sign, int vl) {
  return _vel_vor_vvvl(x, _vel_vand_vsvl(1UL << 63, sign, vl), vl);
}
VE_LANES __vr rounded(Vr x, int vl) {
  return _vel_vcvtldrz_vvl(add(x, with_sign(_vel_vbrdd_vsl(0.5, vl), x, vl), vl), vl);
}

template <int n>
VE_LANES __vr horner(const double (&c)[n], Vr x, int vl) {
  __vr sum = _vel_vbrdd_vsl(c[n - 1], vl);
  for (int k = n - 2; k >= 0; --k) sum = fma(sum, x, c[k], vl);
  return sum;
}

VE_LANES __vr exp(Vr x, int vl) {
  constexpr double kTerms[] = {1,
                               1,
                               1. / 2,
                               1. / 6,
                               1. / 24,
                               1. / 120,
                               1. / 720,
                               1. / 5040,
                               1. / 40320,
                               1. / 362880,
                               1. / 3628800,
                               1. / 39916800,
                               1. / 479001600,
                               1. / 6227020800.};
  const __vr inside = _vel_vfmaxd_vsvl(-708.0, _vel_vfmind_vsvl(709.0, x, vl), vl);
  const __vr n = rounded(mul(1.4426950408889634, inside, vl), vl);
  const __vr real = _vel_vcvtdl_vvl(n, vl);
  const __vr high = fma(-0.693147180369123816490, real, inside, vl);
  const __vr r = fma(-1.90821492927058770002e-10, real, high, vl);
  const __vr power = _vel_vsll_vvsl(_vel_vaddsl_vsvl(1023, n, vl), 52, vl);
  const __vr y = mul(horner(kTerms, r, vl), power, vl);
  const __vr finite =
      choose(is_positive(sub(709.0, x, vl), vl), y, _vel_vbrdd_vsl(__builtin_inf(), vl), vl);
  return choose(_vel_vfmkdnan_mvl(x, vl), x, finite, vl);
}

VE_LANES __vr log(Vr x, int vl) {
  constexpr double kTerms[] = {2.,      2. / 3,  2. / 5,  2. / 7,  2. / 9, 2. / 11,
                               2. / 13, 2. / 15, 2. / 17, 2. / 19, 2. / 21};
  // 2^-1/2 becomes the least mantissa: the exponent is that of x / sqrt(1/2).
  constexpr unsigned long kRootHalf = 0x3fe6a09e667f3bcdUL;
  const __vr shifted = _vel_vsubul_vvvl(x, _vel_vbrdl_vsl(long(kRootHalf), vl), vl);
  const __vr biased = _vel_vaddul_vsvl(1024UL << 52, shifted, vl);
  const __vr n = _vel_vsubsl_vvvl(_vel_vsrl_vvsl(biased, 52, vl), _vel_vbrdl_vsl(1024, vl), vl);
  const __vr m = _vel_vsubul_vvvl(x, _vel_vsll_vvsl(n, 52, vl), vl);
  const __vr s = div(add(-1.0, m, vl), add(1.0, m, vl), vl);
  const __vr p = mul(s, horner(kTerms, mul(s, s, vl), vl), vl);
  const __vr real = _vel_vcvtdl_vvl(n, vl);
  const __vr y =
      fma(0.693147180369123816490, real, fma(1.90821492927058770002e-10, real, p, vl), vl);
  const __vr below =
      choose(_vel_vfmkdeq_mvl(x, vl), _vel_vbrdd_vsl(-__builtin_inf(), vl), __builtin_nan(""), vl);
  const __vr result = choose(is_positive(x, vl), y, below, vl);
  const __vr infinite = sub(x, _vel_vbrdd_vsl(__builtin_inf(), vl), vl);
  return choose(_vel_vfmkdeq_mvl(infinite, vl), x, result, vl);
}

VE_LANES __vr sigmoid(Vr x, int vl) {
  return div(1.0, add(1.0, exp(mul(-1.0, x, vl), vl), vl), vl);
}

VE_LANES __vr tanh(Vr x, int vl) {
  const __vr e = exp(mul(2.0, magnitude(x, vl), vl), vl);
  return with_sign(sub(1.0, div(2.0, add(1.0, e, vl), vl), vl), x, vl);
}

VE_LANES __vr erfc(Vr x, int vl) {
  constexpr double kTerms[] = {
      -1.3026537197817094,     0.64196979235649026,     0.019476473204185836,
      -0.0095615147868086316,  -0.00094659534448203687, 0.00036683949785276145,
      4.2523324806907772e-5,   -2.0278578112534243e-5,  -1.6242900046470255e-6,
      1.3036558355805232e-6,   1.5626441722066143e-8,   -8.5238095914926543e-8,
      6.5290544390988515e-9,   5.0593434955514689e-9,   -9.9136415649303309e-10,
      -2.2736512229318359e-10, 9.6467911020155268e-11,  2.3940380830391147e-12,
      -6.8860275264975534e-12, 8.9448792730907257e-13,  3.1309213993429581e-13,
      -1.1270822361367252e-13, 3.8109052551892321e-16,  7.106097613609237e-15,
      -1.5230282014571043e-15, -9.457494571291234e-17,  1.210237189224279e-16};
  constexpr int n = int(sizeof(kTerms) / sizeof(kTerms[0]));
  const __vr z = magnitude(x, vl);
  const __vr t = div(2.0, add(2.0, z, vl), vl);
  const __vr y = add(-2.0, mul(4.0, t, vl), vl);
  __vr next = zero(vl);
  __vr sum = _vel_vbrdd_vsl(kTerms[n - 1], vl);
  for (int k = n - 2; k > 0; --k) {
    const __vr before = sum;
    sum = add(kTerms[k], sub(mul(y, sum, vl), next, vl), vl);
    next = before;
  }
  const __vr p = sub(mul(0.5, add(kTerms[0], mul(y, sum, vl), vl), vl), next, vl);
  const __vr positive = mul(t, exp(sub(p, mul(z, z, vl), vl), vl), vl);
  return choose(_vel_vfmkdlt_mvl(x, vl), sub(2.0, positive, vl), positive, vl);
}

/// sin(x + quarter * pi / 2)
VE_LANES __vr sine(Vr x, long quarter, int vl) {
  constexpr double kSine[] = {1,
                              -1. / 6,
                              1. / 120,
                              -1. / 5040,
                              1. / 362880,
                              -1. / 39916800,
                              1. / 6227020800.,
                              -1. / 1307674368000.,
                              1. / 355687428096000.};
  constexpr double kCosine[] = {1,
                                -1. / 2,
                                1. / 24,
                                -1. / 720,
                                1. / 40320,
                                -1. / 3628800,
                                1. / 479001600,
                                -1. / 87178291200.,
                                1. / 20922789888000.};
  const __vr n = rounded(mul(0.63661977236758134, x, vl), vl);
  const __vr real = _vel_vcvtdl_vvl(n, vl);
  __vr r = fma(-1.57079632673412561417e+00, real, x, vl);
  r = fma(-6.07710050630396597660e-11, real, r, vl);
  r = fma(-2.02226624879595063154e-21, real, r, vl);
  const __vr square = mul(r, r, vl);
  const __vr sine = mul(r, horner(kSine, square, vl), vl);
  const __vr cosine = horner(kCosine, square, vl);
  const __vr turns = _vel_vaddsl_vsvl(quarter, n, vl);
  const __vm256 is_cosine = _vel_vfmklgt_mvl(_vel_vand_vsvl(1, turns, vl), vl);
  const __vr y = choose(is_cosine, cosine, sine, vl);
  const __vr sign = _vel_vsll_vvsl(_vel_vand_vsvl(2, turns, vl), 62, vl);
  return _vel_vxor_vvvl(y, sign, vl);
}

/// x to a power that is the same for all: by squaring where it is a small whole number.
VE_LANES __vr pow(Vr x, double exponent, int vl) {
  const double size = exponent < 0 ? -exponent : exponent;
  if (size <= 64 && size == double(long(size))) {
    __vr y = _vel_vbrdd_vsl(1.0, vl);
    __vr square = x;
    for (long rest = long(size); rest > 0; rest /= 2) {
      if (rest % 2 == 1) y = mul(y, square, vl);
      if (rest > 1) square = mul(square, square, vl);
    }
    return exponent < 0 ? div(1.0, y, vl) : y;
  }
  return exp(mul(exponent, log(x, vl), vl), vl);
}

// By a vector of one element: a call would cost the vector registers.
VE_LANES double root(double x) {
  return _vel_lvsd_svs(_vel_vfsqrtd_vvl(_vel_vbrdd_vsl(x, 1), 1), 0);
}

VE_LANES __vr combine(Binary function, Vr a, Vr b, int vl) {
  switch (function) {
    case Binary::kAdd:
      return add(a, b, vl);
    case Binary::kSub:
      return sub(a, b, vl);
    case Binary::kMul:
      return mul(a, b, vl);
    case Binary::kDiv:
      return div(a, b, vl);
    case Binary::kMaximum:
      return choose(_vel_vfmkdgt_mvl(_vel_vfcmpd_vvvl(b, a, vl), vl), b, a, vl);
    default:
      return choose(_vel_vfmkdgt_mvl(_vel_vfcmpd_vvvl(a, b, vl), vl), b, a, vl);
  }
}

/// The sums of a product or convolution as its epilogue leaves them.
template <class T, class Arguments>
VE_LANES __vr clamped(const Arguments& args, Vr v, int vl) {
  if (args.epilogue == Epilogue::kRelu) return Wide<T>::larger(0, v, vl);
  if (args.epilogue == Epilogue::kClip) {
    return Wide<T>::larger(args.low, Wide<T>::smaller(args.high, v, vl), vl);
  }
  return v;
}
template <class Arguments>
inline double clamped(const Arguments& args, double sum) {
  if (args.epilogue == Epilogue::kNone) return sum;
  const double below = args.epilogue == Epilogue::kClip && sum > args.high ? args.high : sum;
  const double low = args.epilogue == Epilogue::kClip ? args.low : 0;
  return below < low ? low : below;
}

}  // namespace rockmate::ve
