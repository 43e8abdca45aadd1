// The intrinsics that work on registers. The one-line definitions below are the whole semantics of
// each instruction: an expression of element i of its operands.
#pragma once

#include "exec/vector/shim/registers.h"

#define VE_INLINE static inline __attribute__((always_inline, unused))

namespace rockmate::ve {

inline float low_float(uint64_t pair) {
  const auto bits = static_cast<uint32_t>(pair);
  float value;
  __builtin_memcpy(&value, &bits, sizeof(value));
  return value;
}
inline float high_float(uint64_t pair) { return low_float(pair >> 32); }

inline double larger(double a, double b) { return a < b ? b : a; }
inline double smaller(double a, double b) { return b < a ? b : a; }
inline float larger(float a, float b) { return a < b ? b : a; }
inline float smaller(float a, float b) { return b < a ? b : a; }
inline double compared(double a, double b) {
  return a < b ? -1.0 : a > b ? 1.0 : a == b ? 0.0 : a + b;
}
inline int64_t compared(int64_t a, int64_t b) { return a < b ? -1 : a > b ? 1 : 0; }

/// As a conversion with saturation: a kernel must not rely on what lies outside the range.
inline int64_t truncated(double x) {
  constexpr double kLimit = 9.2233720368547758e18;
  if (!(x < kLimit)) return INT64_MAX;
  return x < -kLimit ? INT64_MIN : static_cast<int64_t>(x);
}

}  // namespace rockmate::ve

// Issues, and leaves where nothing is to be executed.
#define VE_ISSUE(pipe, flops)                                  \
  ::rockmate::ve::core.issue(::rockmate::ve::pipe, vl, flops); \
  __vr result;                                                 \
  if (::rockmate::ve::core.dry) return result

#define VE_EACH(field, expression)                           \
  for (int i = 0; i < vl; ++i) result.field[i] = expression; \
  return result

// f(y, z) with y a vector or a scalar of type T.
#define VE_BINARY(name, pipe, flops, field, T, expression)                    \
  VE_INLINE __vr _vel_##name##_vvvl(const __vr& vy, const __vr& vz, int vl) { \
    VE_ISSUE(pipe, flops);                                                    \
    for (int i = 0; i < vl; ++i) {                                            \
      const T y = vy.field[i], z = vz.field[i];                               \
      result.field[i] = expression;                                           \
    }                                                                         \
    return result;                                                            \
  }                                                                           \
  VE_INLINE __vr _vel_##name##_vsvl(T y, const __vr& vz, int vl) {            \
    VE_ISSUE(pipe, flops);                                                    \
    for (int i = 0; i < vl; ++i) {                                            \
      const T z = vz.field[i];                                                \
      result.field[i] = expression;                                           \
    }                                                                         \
    return result;                                                            \
  }

// Lanes behind the vector length are those of the last vector operand.
#define VE_KEEP(vd) \
  for (int i = vl; i < kVectorLanes; ++i) result.u[i] = vd.u[i]

VE_BINARY(vfaddd, kFma, 1, d, double, y + z)
VE_BINARY(vfsubd, kFma, 1, d, double, y - z)
VE_BINARY(vfmuld, kFma, 1, d, double, y* z)
VE_BINARY(vfdivd, kDivide, 1, d, double, y / z)
VE_BINARY(vfmaxd, kAlu, 1, d, double, ::rockmate::ve::larger(y, z))
VE_BINARY(vfmind, kAlu, 1, d, double, ::rockmate::ve::smaller(y, z))
VE_BINARY(vfcmpd, kAlu, 1, d, double, ::rockmate::ve::compared(y, z))
VE_BINARY(vcmpsl, kAlu, 0, l, int64_t, ::rockmate::ve::compared(y, z))
VE_BINARY(vmaxsl, kAlu, 0, l, int64_t, (y < z ? z : y))
VE_BINARY(vminsl, kAlu, 0, l, int64_t, (z < y ? z : y))
VE_BINARY(vaddul, kAlu, 0, u, uint64_t, y + z)
VE_BINARY(vsubul, kAlu, 0, u, uint64_t, y - z)
VE_BINARY(vmulul, kFma, 0, u, uint64_t, (y * z))
VE_BINARY(vand, kAlu, 0, u, uint64_t, (y & z))
VE_BINARY(vor, kAlu, 0, u, uint64_t, (y | z))
VE_BINARY(vxor, kAlu, 0, u, uint64_t, (y ^ z))
#undef VE_BINARY

#define VE_KEEPING(name, pipe, expression)                                                     \
  VE_INLINE __vr _vel_##name##_vvvvl(const __vr& vy, const __vr& vz, const __vr& vd, int vl) { \
    VE_ISSUE(pipe, 1);                                                                         \
    for (int i = 0; i < vl; ++i) {                                                             \
      const double y = vy.d[i], z = vz.d[i];                                                   \
      result.d[i] = expression;                                                                \
    }                                                                                          \
    VE_KEEP(vd);                                                                               \
    return result;                                                                             \
  }
VE_KEEPING(vfaddd, kFma, y + z)
VE_KEEPING(vfmaxd, kAlu, ::rockmate::ve::larger(y, z))
VE_KEEPING(vfmind, kAlu, ::rockmate::ve::smaller(y, z))
#undef VE_KEEPING

// Signed forms of what does not depend on the sign.
#define VE_SIGNED(name, base)                                                 \
  VE_INLINE __vr _vel_##name##_vvvl(const __vr& vy, const __vr& vz, int vl) { \
    return _vel_##base##_vvvl(vy, vz, vl);                                    \
  }                                                                           \
  VE_INLINE __vr _vel_##name##_vsvl(int64_t y, const __vr& vz, int vl) {      \
    return _vel_##base##_vsvl(static_cast<uint64_t>(y), vz, vl);              \
  }
VE_SIGNED(vaddsl, vaddul)
VE_SIGNED(vsubsl, vsubul)
VE_SIGNED(vmulsl, vmulul)
#undef VE_SIGNED

// Packed: the same on both halves.
#define VE_PACKED(name, pipe, expression)                                                        \
  VE_INLINE __vr _vel_##name##_vvvl(const __vr& vy, const __vr& vz, int vl) {                    \
    VE_ISSUE(pipe, 2);                                                                           \
    for (int i = 0; i < 2 * vl; ++i) {                                                           \
      const float y = vy.f[i], z = vz.f[i];                                                      \
      result.f[i] = expression;                                                                  \
    }                                                                                            \
    return result;                                                                               \
  }                                                                                              \
  VE_INLINE __vr _vel_##name##_vsvl(uint64_t pair, const __vr& vz, int vl) {                     \
    VE_ISSUE(pipe, 2);                                                                           \
    const float halves[2] = {::rockmate::ve::low_float(pair), ::rockmate::ve::high_float(pair)}; \
    for (int i = 0; i < vl; ++i) {                                                               \
      for (int h = 0; h < 2; ++h) {                                                              \
        const float y = halves[h], z = vz.f[2 * i + h];                                          \
        result.f[2 * i + h] = expression;                                                        \
      }                                                                                          \
    }                                                                                            \
    return result;                                                                               \
  }
VE_PACKED(pvfadd, kFma, y + z)
VE_PACKED(pvfsub, kFma, y - z)
VE_PACKED(pvfmul, kFma, y* z)
VE_PACKED(pvfmax, kAlu, ::rockmate::ve::larger(y, z))
VE_PACKED(pvfmin, kAlu, ::rockmate::ve::smaller(y, z))
#undef VE_PACKED

// +-(z * w +- y), where y, or z, may be a scalar.
#define VE_FUSED(name, sign, sign_of_y)                                                        \
  VE_INLINE __vr _vel_##name##_vvvvl(const __vr& vy, const __vr& vz, const __vr& vw, int vl) { \
    VE_ISSUE(kFma, 2);                                                                         \
    VE_EACH(d, sign __builtin_fma(vz.d[i], vw.d[i], sign_of_y vy.d[i]));                       \
  }                                                                                            \
  VE_INLINE __vr _vel_##name##_vsvvl(double y, const __vr& vz, const __vr& vw, int vl) {       \
    VE_ISSUE(kFma, 2);                                                                         \
    VE_EACH(d, sign __builtin_fma(vz.d[i], vw.d[i], sign_of_y y));                             \
  }                                                                                            \
  VE_INLINE __vr _vel_##name##_vvsvl(const __vr& vy, double z, const __vr& vw, int vl) {       \
    VE_ISSUE(kFma, 2);                                                                         \
    VE_EACH(d, sign __builtin_fma(z, vw.d[i], sign_of_y vy.d[i]));                             \
  }
VE_FUSED(vfmadd, +, +)
VE_FUSED(vfmsbd, +, -)
VE_FUSED(vfnmadd, -, +)
VE_FUSED(vfnmsbd, -, -)
#undef VE_FUSED

VE_INLINE __vr _vel_vfmadd_vvvvvl(const __vr& vy, const __vr& vz, const __vr& vw, const __vr& vd,
                                  int vl) {
  VE_ISSUE(kFma, 2);
  for (int i = 0; i < vl; ++i) result.d[i] = __builtin_fma(vz.d[i], vw.d[i], vy.d[i]);
  VE_KEEP(vd);
  return result;
}
VE_INLINE __vr _vel_pvfmad_vvvvvl(const __vr& vy, const __vr& vz, const __vr& vw, const __vr& vd,
                                  int vl) {
  VE_ISSUE(kFma, 4);
  for (int i = 0; i < 2 * vl; ++i) result.f[i] = __builtin_fmaf(vz.f[i], vw.f[i], vy.f[i]);
  VE_KEEP(vd);
  return result;
}
VE_INLINE __vr _vel_pvfmad_vvvvl(const __vr& vy, const __vr& vz, const __vr& vw, int vl) {
  VE_ISSUE(kFma, 4);
  for (int i = 0; i < 2 * vl; ++i) result.f[i] = __builtin_fmaf(vz.f[i], vw.f[i], vy.f[i]);
  return result;
}
VE_INLINE __vr _vel_pvfmad_vvsvl(const __vr& vy, uint64_t z, const __vr& vw, int vl) {
  VE_ISSUE(kFma, 4);
  const float low = ::rockmate::ve::low_float(z);
  const float high = ::rockmate::ve::high_float(z);
  for (int i = 0; i < vl; ++i) {
    result.f[2 * i] = __builtin_fmaf(low, vw.f[2 * i], vy.f[2 * i]);
    result.f[2 * i + 1] = __builtin_fmaf(high, vw.f[2 * i + 1], vy.f[2 * i + 1]);
  }
  return result;
}

#define VE_UNARY(name, pipe, flops, field, expression)       \
  VE_INLINE __vr _vel_##name##_vvl(const __vr& vy, int vl) { \
    VE_ISSUE(pipe, flops);                                   \
    VE_EACH(field, expression);                              \
  }
VE_UNARY(vfsqrtd, kDivide, 1, d, __builtin_sqrt(vy.d[i]))
VE_UNARY(vcvtldrz, kAlu, 0, l, ::rockmate::ve::truncated(vy.d[i]))
VE_UNARY(vcvtdl, kAlu, 0, d, static_cast<double>(vy.l[i]))
VE_UNARY(vcvtds, kAlu, 0, d, static_cast<double>(vy.f[2 * i + 1]))
#undef VE_UNARY
VE_INLINE __vr _vel_vcvtsd_vvl(const __vr& vy, int vl) {
  VE_ISSUE(kAlu, 0);
  for (int i = 0; i < vl; ++i) {
    result.f[2 * i + 1] = static_cast<float>(vy.d[i]);
    result.w[2 * i] = 0;
  }
  return result;
}

VE_INLINE __vr _vel_vsll_vvsl(const __vr& vz, uint64_t y, int vl) {
  VE_ISSUE(kAlu, 0);
  VE_EACH(u, vz.u[i] << (y & 63));
}
VE_INLINE __vr _vel_vsll_vvvl(const __vr& vz, const __vr& vy, int vl) {
  VE_ISSUE(kAlu, 0);
  VE_EACH(u, vz.u[i] << (vy.u[i] & 63));
}
VE_INLINE __vr _vel_vsrl_vvsl(const __vr& vz, uint64_t y, int vl) {
  VE_ISSUE(kAlu, 0);
  VE_EACH(u, vz.u[i] >> (y & 63));
}
VE_INLINE __vr _vel_vsrl_vvvl(const __vr& vz, const __vr& vy, int vl) {
  VE_ISSUE(kAlu, 0);
  VE_EACH(u, vz.u[i] >> (vy.u[i] & 63));
}
VE_INLINE __vr _vel_vdivsl_vvvl(const __vr& vy, const __vr& vz, int vl) {
  VE_ISSUE(kDivide, 0);
  VE_EACH(l, vy.l[i] / vz.l[i]);
}
VE_INLINE __vr _vel_vdivsl_vvsl(const __vr& vy, int64_t y, int vl) {
  VE_ISSUE(kDivide, 0);
  VE_EACH(l, vy.l[i] / y);
}

VE_INLINE __vr _vel_vseq_vl(int vl) {
  VE_ISSUE(kAlu, 0);
  VE_EACH(l, i);
}
VE_INLINE __vr _vel_vbrdd_vsl(double y, int vl) {
  VE_ISSUE(kAlu, 0);
  VE_EACH(d, y);
}
VE_INLINE __vr _vel_vbrdl_vsl(int64_t y, int vl) {
  VE_ISSUE(kAlu, 0);
  VE_EACH(l, y);
}
VE_INLINE __vr _vel_pvbrd_vsl(uint64_t y, int vl) {
  VE_ISSUE(kAlu, 0);
  VE_EACH(u, y);
}

enum VShuffleCodes {
  VE_VSHUFFLE_YUYU = 0,
  VE_VSHUFFLE_YUYL = 1,
  VE_VSHUFFLE_YUZU = 2,
  VE_VSHUFFLE_YUZL = 3,
  VE_VSHUFFLE_YLYU = 4,
  VE_VSHUFFLE_YLYL = 5,
  VE_VSHUFFLE_YLZU = 6,
  VE_VSHUFFLE_YLZL = 7,
  VE_VSHUFFLE_ZUYU = 8,
  VE_VSHUFFLE_ZUYL = 9,
  VE_VSHUFFLE_ZUZU = 10,
  VE_VSHUFFLE_ZUZL = 11,
  VE_VSHUFFLE_ZLYU = 12,
  VE_VSHUFFLE_ZLYL = 13,
  VE_VSHUFFLE_ZLZU = 14,
  VE_VSHUFFLE_ZLZL = 15,
};
// The upper half is chosen by the two bits 2 and 3 of the code, the lower one by 0 and 1: upper and
// lower of y, upper and lower of z.
VE_INLINE __vr _vel_vshf_vvvsl(const __vr& vy, const __vr& vz, uint64_t code, int vl) {
  VE_ISSUE(kAlu, 0);
  const auto half = [&](int i, uint64_t choice) {
    const __vr& from = choice < 2 ? vy : vz;
    return from.w[2 * i + (choice % 2 == 0 ? 1 : 0)];
  };
  for (int i = 0; i < vl; ++i) {
    result.u[i] = uint64_t{half(i, code >> 2 & 3)} << 32 | half(i, code & 3);
  }
  return result;
}

// Sums and extrema of a register: in element 0 of the result. Sums run from the first element on.
#define VE_REDUCTION(name, pipe, step)                       \
  VE_INLINE __vr _vel_##name##_vvl(const __vr& vy, int vl) { \
    VE_ISSUE(pipe, 1);                                       \
    double total = vy.d[0];                                  \
    for (int i = 1; i < vl; ++i) total = step;               \
    result.d[0] = total;                                     \
    return result;                                           \
  }
VE_REDUCTION(vfsumd, kFma, total + vy.d[i])
VE_REDUCTION(vfrmaxdfst, kAlu, ::rockmate::ve::larger(total, vy.d[i]))
VE_REDUCTION(vfrmindfst, kAlu, ::rockmate::ve::smaller(total, vy.d[i]))
#undef VE_REDUCTION

VE_INLINE double _vel_lvsd_svs(const __vr& vy, unsigned lane) {
  ::rockmate::ve::core.counters.scalars += ::rockmate::ve::core.weight;
  return ::rockmate::ve::core.dry ? 0 : vy.d[lane];
}
VE_INLINE uint64_t _vel_lvsl_svs(const __vr& vy, unsigned lane) {
  ::rockmate::ve::core.counters.scalars += ::rockmate::ve::core.weight;
  return ::rockmate::ve::core.dry ? 0 : vy.u[lane];
}

// Masks from the sign of numbers, and choices by them: z where the mask is set, else y.
#define VE_MASK(name, field, expression)                        \
  VE_INLINE __vm256 _vel_##name##_mvl(const __vr& vz, int vl) { \
    ::rockmate::ve::core.issue(::rockmate::ve::kMask, vl);      \
    if (::rockmate::ve::core.dry) return {};                    \
    return ::rockmate::ve::make_mask(vl, [&](int i) {           \
      const auto z = vz.field[i];                               \
      return expression;                                        \
    });                                                         \
  }
VE_MASK(vfmkdgt, d, z > 0)
VE_MASK(vfmkdlt, d, z < 0)
VE_MASK(vfmkdeq, d, z == 0)
VE_MASK(vfmkdge, d, z >= 0)
VE_MASK(vfmkdle, d, z <= 0)
VE_MASK(vfmkdnan, d, z != z)
VE_MASK(vfmklgt, l, z > 0)
VE_MASK(vfmkllt, l, z < 0)
VE_MASK(vfmkleq, l, z == 0)
VE_MASK(vfmklne, l, z != 0)
VE_MASK(vfmklge, l, z >= 0)
#undef VE_MASK

VE_INLINE __vr _vel_vmrg_vvvml(const __vr& vy, const __vr& vz, const __vm256& vm, int vl) {
  VE_ISSUE(kAlu, 0);
  VE_EACH(u, ::rockmate::ve::bit(vm, i) ? vz.u[i] : vy.u[i]);
}
VE_INLINE __vr _vel_vmrg_vsvml(uint64_t y, const __vr& vz, const __vm256& vm, int vl) {
  VE_ISSUE(kAlu, 0);
  VE_EACH(u, ::rockmate::ve::bit(vm, i) ? vz.u[i] : y);
}

#define VE_MASK_OPERATION(name, expression)                                 \
  VE_INLINE __vm256 _vel_##name##_mmm(const __vm256& y, const __vm256& z) { \
    ::rockmate::ve::core.issue(::rockmate::ve::kMask, kVectorLanes);        \
    __vm256 result;                                                         \
    for (int i = 0; i < 4; ++i) result.words[i] = expression;               \
    return result;                                                          \
  }
VE_MASK_OPERATION(andm, y.words[i] & z.words[i])
VE_MASK_OPERATION(orm, y.words[i] | z.words[i])
VE_MASK_OPERATION(nndm, ~y.words[i] & z.words[i])
#undef VE_MASK_OPERATION

VE_INLINE uint64_t _vel_svm_sms(const __vm256& vm, uint64_t word) {
  ::rockmate::ve::core.counters.scalars += ::rockmate::ve::core.weight;
  return vm.words[word];
}
VE_INLINE __vm256 _vel_lvm_mmss(const __vm256& vm, uint64_t word, uint64_t bits) {
  ::rockmate::ve::core.counters.scalars += ::rockmate::ve::core.weight;
  __vm256 result = vm;
  result.words[word] = bits;
  return result;
}
VE_INLINE uint64_t _vel_pcvm_sml(const __vm256& vm, int vl) {
  ::rockmate::ve::core.issue(::rockmate::ve::kMask, vl);
  uint64_t count = 0;
  for (int i = 0; i < vl; ++i) count += ::rockmate::ve::bit(vm, i) ? 1 : 0;
  return count;
}
