// Functions of one element by name, what their gradients multiply by, and masks: a bit beside each
// element, which tells whether the gradient passes.
#pragma once

#include "exec/vector/kernels/functions.h"

namespace rockmate::ve {

constexpr double kRootOfTwoOverPi = 0.79788456080286536;
constexpr double kRootOfHalf = 0.70710678118654752;
constexpr double kGeluCubic = 0.044715;

VE_LANES __vr clamp(Vr x, double low, double high, int vl) {
  return _vel_vfmaxd_vsvl(low, _vel_vfmind_vsvl(high, x, vl), vl);
}
VE_LANES __vr negative(Vr x, int vl) { return mul(-1.0, x, vl); }

// tanh(sqrt(2 / pi) (x + 0.044715 x^3))
VE_LANES __vr gelu_tanh(Vr x, int vl) {
  const __vr cube = mul(kGeluCubic, mul(x, mul(x, x, vl), vl), vl);
  return tanh(mul(kRootOfTwoOverPi, add(x, cube, vl), vl), vl);
}
VE_LANES __vr cumulative(Vr x, int vl) { return mul(0.5, erfc(mul(-kRootOfHalf, x, vl), vl), vl); }

VE_LANES __vr value(Function function, Vr x, double p, double q, int vl) {
  switch (function) {
    case Function::kRelu:  // NaN stays NaN
      return choose(_vel_vfmkdlt_mvl(x, vl), zero(vl), x, vl);
    case Function::kLeakyRelu:
      return choose(is_positive(x, vl), x, mul(p, x, vl), vl);
    case Function::kClip: {
      const __vr low = choose(_vel_vfmkdlt_mvl(add(-p, x, vl), vl), _vel_vbrdd_vsl(p, vl), x, vl);
      return choose(is_positive(add(-q, x, vl), vl), _vel_vbrdd_vsl(q, vl), low, vl);
    }
    case Function::kElu:
      return choose(is_positive(x, vl), x, mul(p, add(-1.0, exp(x, vl), vl), vl), vl);
    case Function::kGelu:
      return mul(x, cumulative(x, vl), vl);
    case Function::kGeluTanh:
      return mul(mul(0.5, x, vl), add(1.0, gelu_tanh(x, vl), vl), vl);
    case Function::kSigmoid:
      return sigmoid(x, vl);
    case Function::kTanh:
      return tanh(x, vl);
    case Function::kHardSigmoid:
      return clamp(add(q, mul(p, x, vl), vl), 0, 1, vl);
    case Function::kHardSwish:
      return mul(x, clamp(add(0.5, mul(1.0 / 6, x, vl), vl), 0, 1, vl), vl);
    case Function::kSilu:
      return mul(x, sigmoid(x, vl), vl);
    case Function::kSoftplus: {
      const __vr e = exp(negative(magnitude(x, vl), vl), vl);
      return add(_vel_vfmaxd_vsvl(0.0, x, vl), log(add(1.0, e, vl), vl), vl);
    }
    case Function::kExp:
      return exp(x, vl);
    case Function::kLog:
      return log(x, vl);
    case Function::kSqrt:
      return _vel_vfsqrtd_vvl(x, vl);
    case Function::kPow:
      return pow(x, p, vl);
    case Function::kErf:
      return sub(1.0, erfc(x, vl), vl);
    case Function::kAbs:
      return magnitude(x, vl);
    case Function::kSin:
      return sine(x, 0, vl);
    case Function::kCos:
      return sine(x, 1, vl);
    default:  // scale
      return add(q, mul(p, x, vl), vl);
  }
}

// What dy is multiplied by; `s` is the saved input or output, whichever the op table saves.
VE_LANES __vr slope(Function function, Vr s, double p, double q, int vl) {
  const __vr one = _vel_vbrdd_vsl(1.0, vl);
  switch (function) {
    case Function::kRelu:
      return choose(is_positive(s, vl), one, 0, vl);
    case Function::kLeakyRelu:
      return choose(is_positive(s, vl), one, p, vl);
    case Function::kClip:
      return choose(_vel_andm_mmm(is_positive(add(-p, s, vl), vl), is_positive(sub(q, s, vl), vl)),
                    one, 0, vl);
    case Function::kElu:
      return choose(is_positive(s, vl), one, add(p, s, vl), vl);
    case Function::kGelu: {
      const __vr density = mul(0.39894228040143268, exp(mul(-0.5, mul(s, s, vl), vl), vl), vl);
      return fma(s, density, cumulative(s, vl), vl);
    }
    case Function::kGeluTanh: {
      const __vr t = gelu_tanh(s, vl);
      const __vr inner =
          mul(kRootOfTwoOverPi, add(1.0, mul(3 * kGeluCubic, mul(s, s, vl), vl), vl), vl);
      const __vr bend = mul(mul(0.5, s, vl), mul(sub(1.0, mul(t, t, vl), vl), inner, vl), vl);
      return add(mul(0.5, add(1.0, t, vl), vl), bend, vl);
    }
    case Function::kSigmoid:
      return mul(s, sub(1.0, s, vl), vl);
    case Function::kTanh:
      return sub(1.0, mul(s, s, vl), vl);
    case Function::kHardSigmoid:
      return choose(_vel_andm_mmm(is_positive(s, vl), is_positive(sub(1.0, s, vl), vl)),
                    _vel_vbrdd_vsl(p, vl), 0, vl);
    case Function::kHardSwish: {
      const __vr inner = add(0.5, mul(1.0 / 3, s, vl), vl);
      const __vr above = choose(_vel_vfmkdge_mvl(add(-3.0, s, vl), vl), one, inner, vl);
      return choose(is_positive(add(3.0, s, vl), vl), above, 0, vl);
    }
    case Function::kSilu: {
      const __vr y = sigmoid(s, vl);
      return mul(y, add(1.0, mul(s, sub(1.0, y, vl), vl), vl), vl);
    }
    case Function::kSoftplus:
      return sigmoid(s, vl);
    case Function::kPow:
      return mul(p, pow(s, p - 1, vl), vl);
    case Function::kErf:
      return mul(1.1283791670955126, exp(negative(mul(s, s, vl), vl), vl), vl);
    case Function::kAbs:
      return choose(_vel_vfmkdeq_mvl(s, vl), zero(vl), with_sign(one, s, vl), vl);
    case Function::kSin:
      return sine(s, 1, vl);
    default:  // cos
      return negative(sine(s, 0, vl), vl);
  }
}

// Whether the gradient passes an activation that had this result.
VE_LANES __vm256 passes(Function function, Vr y, double p, double q, int vl) {
  if (function != Function::kClip) return is_positive(y, vl);
  return _vel_andm_mmm(is_positive(add(-p, y, vl), vl), is_positive(sub(q, y, vl), vl));
}

inline unsigned long reversed(unsigned long bits) {
#ifdef __ve__
  return __builtin_bitreverse64(bits);
#else
  unsigned long result = 0;
  for (int i = 0; i < 64; ++i) result |= (bits >> i & 1) << (63 - i);
  return result;
#endif
}

// The bits of elements `first`, ..., low bits first: whole words, then bytes. `first` is a multiple
// of 256. A compiler for the Vector Engine cannot keep a mask through a loop, so all four words
// are moved at once.
VE_LANES void write_mask(Vm mask, unsigned char* bytes, long first, int vl) {
  const unsigned long words[4] = {_vel_svm_sms(mask, 0), _vel_svm_sms(mask, 1),
                                  _vel_svm_sms(mask, 2), _vel_svm_sms(mask, 3)};
  for (int word = 0; 64 * word < vl; ++word) {
    const int valid = least(64, vl - 64 * word);
    const unsigned long bits = reversed(words[word]);
    unsigned char* const place = bytes + first / 8 + 8 * word;
    if (valid == 64) {
      put_scalar(reinterpret_cast<unsigned long*>(place), bits);
      continue;
    }
    const unsigned long kept = bits & ((1UL << valid) - 1);
    for (int b = 0; 8 * b < valid; ++b) {
      put_scalar(place + b, static_cast<unsigned char>(kept >> (8 * b)));
    }
  }
}
VE_LANES __vm256 read_mask(const unsigned char* bytes, long first, int vl) {
  unsigned long words[4] = {};
  for (int word = 0; 64 * word < vl; ++word) {
    const unsigned char* const place = bytes + first / 8 + 8 * word;
    const int valid = least(64, vl - 64 * word);
    unsigned long bits = 0;
    if (valid == 64) {
      bits = scalar(reinterpret_cast<const unsigned long*>(place));
    } else {
      for (int b = 0; 8 * b < valid; ++b) {
        bits |= static_cast<unsigned long>(scalar(place + b)) << (8 * b);
      }
    }
    words[word] = reversed(bits);
  }
  __vm256 mask = _vel_vfmklgt_mvl(zero(int(kLanes)), int(kLanes));
  mask = _vel_lvm_mmss(mask, 0, words[0]);
  mask = _vel_lvm_mmss(mask, 1, words[1]);
  mask = _vel_lvm_mmss(mask, 2, words[2]);
  return _vel_lvm_mmss(mask, 3, words[3]);
}

}  // namespace rockmate::ve
