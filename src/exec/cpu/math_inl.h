// Functions of vectors, to a few units in the last place. NaN stays NaN; infinities and arguments
// out of range give what the function tends to.
//
// exp: x = n log 2 + r with |r| <= log(2) / 2 and Taylor's polynomial of degree 7 in r, whose rest
// is below 5e-9; 2^n in two factors, so that results may be denormal or overflow. tanh and erf:
// minimax polynomials near 0, where a quotient would cancel, and exponentials beyond; erfc(z) =
// exp(-z^2) t P(t) with t = 1 / (1 + 0.4 z), which keeps its relative error in the tail. The
// polynomials are our own, fitted by reweighted least squares to 1e-8.
#if defined(ROCKMATE_EXEC_CPU_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ROCKMATE_EXEC_CPU_MATH_INL_H_
#undef ROCKMATE_EXEC_CPU_MATH_INL_H_
#else
#define ROCKMATE_EXEC_CPU_MATH_INL_H_
#endif

#include <concepts>

#include "exec/cpu/simd_inl.h"

HWY_BEFORE_NAMESPACE();
namespace rockmate::cpu::HWY_NAMESPACE {

/// Coefficients from the highest power to the constant.
template <std::same_as<float>... Rest>
HWY_INLINE V polynomial(V x, float highest, Rest... rest) {
  V sum = number(highest);
  ((sum = hn::MulAdd(sum, x, number(rest))), ...);
  return sum;
}

// 2^n for whole n from -126 to 127.
HWY_INLINE V power_of_two(hn::Vec<hn::RebindToSigned<FloatTag>> n) {
  const hn::RebindToSigned<FloatTag> whole;
  return hn::BitCast(FloatTag(), hn::ShiftLeft<23>(hn::Add(n, hn::Set(whole, 127))));
}

HWY_INLINE V exp(V x) {
  // NaN passes: it is neither less nor greater. What would vanish does not go through products that
  // underflow, which take a hundred times as long: of masked scores most are such.
  const M vanishes = hn::Lt(x, number(-105.0f));
  x = hn::IfThenZeroElse(vanishes, x);
  x = hn::IfThenElse(hn::Gt(x, number(89.0f)), number(89.0f), x);
  const V n = hn::Round(hn::Mul(x, number(1.44269504f)));
  V r = hn::NegMulAdd(n, number(0.693359375f), x);  // few bits: exact even without fused steps
  r = hn::NegMulAdd(n, number(-2.12194440e-4f), r);
  const V p =
      polynomial(r, 1.0f / 5040, 1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f);
  const auto whole = hn::NearestInt(n);
  const auto half = hn::ShiftRight<1>(whole);
  return hn::IfThenZeroElse(
      vanishes, hn::Mul(hn::Mul(p, power_of_two(half)), power_of_two(hn::Sub(whole, half))));
}

HWY_INLINE V sigmoid(V x) {
  const V one = number(1);
  return hn::Div(one, hn::Add(one, exp(hn::Neg(x))));
}

HWY_INLINE V tanh(V x) {
  const V square = hn::Mul(x, x);
  const V near_zero = hn::MulAdd(hn::Mul(x, square),
                                 polynomial(square, -5.66071351e-3f, 2.06019321e-2f,
                                            -5.37292036e-2f, 1.33313286e-1f, -3.33332783e-1f),
                                 x);
  const V size = hn::Abs(x);
  const V e = exp(hn::Add(size, size));
  const V beyond = hn::Sub(number(1), hn::Div(number(2), hn::Add(e, number(1))));
  return hn::IfThenElse(hn::Lt(size, number(0.6f)), near_zero, hn::CopySignToAbs(beyond, x));
}

// For z >= 0.
HWY_INLINE V erfc_of_positive(V z) {
  const V t = hn::Div(number(1), hn::MulAdd(number(0.4f), z, number(1)));
  const V p = polynomial(t, -2.95971549e-2f, 1.98027786e-1f, -4.98843983e-1f, 5.47476345e-1f,
                         -2.84398658e-1f, 2.72082289e-1f, 1.29674433e-1f, 2.14920128e-1f,
                         2.24951907e-1f, 2.25706915e-1f);
  return hn::Mul(exp(hn::Neg(hn::Mul(z, z))), hn::Mul(t, p));
}

HWY_INLINE V erf(V x) {
  const V square = hn::Mul(x, x);
  const V near_zero =
      hn::Mul(x, polynomial(square, 7.85383046e-5f, -8.01018427e-4f, 5.18832662e-3f,
                            -2.68538114e-2f, 1.12835851e-1f, -3.76126258e-1f, 1.12837917f));
  const V size = hn::Abs(x);
  const V beyond = hn::Sub(number(1), erfc_of_positive(size));
  return hn::IfThenElse(hn::Lt(size, number(1)), near_zero, hn::CopySignToAbs(beyond, x));
}

/// The standard normal distribution's function.
HWY_INLINE V normal_cumulative(V x) {
  const V tail = hn::Mul(number(0.5f), erfc_of_positive(hn::Mul(hn::Abs(x), number(0.70710678f))));
  return hn::IfThenElse(hn::Lt(x, zero()), tail, hn::Sub(number(1), tail));
}

}  // namespace rockmate::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
