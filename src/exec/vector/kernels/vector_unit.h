// What all vector kernels are written with, on the Vector Engine and on the host alike: loops in
// whole registers, scalar accesses, and two ways to hold real numbers in a register.
//
// `Real`: one number per lane, in double precision, whatever lies in memory. Everything that is
// bound by memory works so: a core's share of the memory feeds 16 to 25 elements of 4 bytes per
// nanosecond with what they cost to convert, load and store included, and rounding happens once.
// `Wide`: what products work on. Of float32, a lane holds two sums that belong to two rows of the
// result, with the same element of the other operand in both halves.
#pragma once

#include <velintrin.h>

#include "exec/vector/kernels/arguments.h"

// A compiler for the Vector Engine cannot save vector registers around a call: functions of
// registers are expanded there.
//
// Nor can it choose between registers by a scalar: where two branches make one, apart() in one of
// them keeps them branches.
#ifdef __ve__
#define VE_LANES static inline __attribute__((always_inline, unused))

namespace rockmate::ve {

using Vr = __vr;
using Vm = __vm256;

inline void apart() { asm volatile(""); }

template <class T>
inline T scalar(const T* place) {
  return *place;
}
template <class T>
inline void put_scalar(T* place, T value) {
  *place = value;
}

struct Round {
  long i;
  long operator*() const { return i; }
  void operator++() { ++i; }
  bool operator!=(const Round& other) const { return i != other.i; }
};
struct Rounds {
  long count;
  Round begin() const { return {0}; }
  Round end() const { return {count}; }
};

}  // namespace rockmate::ve

#else
#define VE_LANES static inline __attribute__((unused))

namespace rockmate::ve {

using Vr = const __vr&;
using Vm = const __vm256&;

inline void apart() {}

template <class T>
inline T scalar(const T* place) {
  core.counters.scalars += core.weight;
  if (core.dry) return T();
  const auto address = reinterpret_cast<uintptr_t>(place);
  core.access(address, address + sizeof(T), false);
  return read_element<T>(address);
}
template <class T>
inline void put_scalar(T* place, T value) {
  core.counters.scalars += core.weight;
  if (core.dry) return;
  const auto address = reinterpret_cast<uintptr_t>(place);
  core.access(address, address + sizeof(T), true);
  write_element(address, value);
}

struct Round {
  long i;
  long operator*() const { return i; }
  void operator++() { ++i; }
  bool operator!=(const Round& other) const { return i != other.i; }
};
// A dry core runs one round, with the weight of all.
class Rounds {
 public:
  explicit Rounds(long count) : count_(count), weight_(core.weight) {
    if (!core.dry || count <= 0) return;
    count_ = 1;
    core.weight = weight_ * static_cast<uint64_t>(count);
  }
  ~Rounds() { core.weight = weight_; }
  Rounds(const Rounds&) = delete;
  Rounds& operator=(const Rounds&) = delete;
  [[nodiscard]] Round begin() const { return {0}; }
  [[nodiscard]] Round end() const { return {count_ > 0 ? count_ : 0}; }

 private:
  long count_;
  uint64_t weight_;
};

}  // namespace rockmate::ve

#endif

namespace rockmate::ve {

constexpr long kLanes = 256;

template <class T>
inline T least(T a, T b) {
  return b < a ? b : a;
}

/// for (long i : repeat(n)): rounds 0, ..., n - 1, which issue the same instructions.
inline Rounds repeat(long count) { return Rounds{count}; }

/// body(first, vl) for the elements begin, ..., end - 1 in registers.
template <class F>
VE_LANES void for_lanes(long begin, long end, const F& body) {
#ifdef __ve__
  // One call only, so that it is expanded.
  for (long at = begin; at < end; at += kLanes) body(at, int(least(kLanes, end - at)));
#else
  const long full = end > begin ? (end - begin) / kLanes : 0;
  for (const long r : repeat(full)) body(begin + r * kLanes, int(kLanes));
  const long rest = end - begin - full * kLanes;
  if (rest > 0) body(begin + full * kLanes, int(rest));
#endif
}

VE_LANES __vr zero(int vl) { return _vel_vbrdl_vsl(0, vl); }

template <class T>
struct Real;

template <>
struct Real<double> {
  VE_LANES __vr load(const double* p, long stride, int vl) {
    return _vel_vld_vssl(static_cast<unsigned long>(8 * stride), p, vl);
  }
  VE_LANES void store(Vr v, double* p, long stride, int vl) {
    _vel_vst_vssl(v, static_cast<unsigned long>(8 * stride), p, vl);
  }
  VE_LANES __vr gather(Vr addresses, Vm mask, int vl) {
    return _vel_vgt_vvssmvl(addresses, 0, 0, mask, zero(vl), vl);
  }
};

template <>
struct Real<float> {
  VE_LANES __vr load(const float* p, long stride, int vl) {
    return _vel_vcvtds_vvl(_vel_vldu_vssl(static_cast<unsigned long>(4 * stride), p, vl), vl);
  }
  VE_LANES void store(Vr v, float* p, long stride, int vl) {
    _vel_vstu_vssl(_vel_vcvtsd_vvl(v, vl), static_cast<unsigned long>(4 * stride), p, vl);
  }
  VE_LANES __vr gather(Vr addresses, Vm mask, int vl) {
    return _vel_vcvtds_vvl(_vel_vgtu_vvssmvl(addresses, 0, 0, mask, zero(vl), vl), vl);
  }
};

/// The sum, or the largest number, of a register.
VE_LANES double sum_of(Vr v, int vl) { return _vel_lvsd_svs(_vel_vfsumd_vvl(v, vl), 0); }
VE_LANES double largest_of(Vr v, int vl) { return _vel_lvsd_svs(_vel_vfrmaxdfst_vvl(v, vl), 0); }
VE_LANES double smallest_of(Vr v, int vl) { return _vel_lvsd_svs(_vel_vfrmindfst_vvl(v, vl), 0); }

inline unsigned long bits_of(double value) {
  unsigned long bits;
  __builtin_memcpy(&bits, &value, sizeof(bits));
  return bits;
}

template <class T>
struct Wide;

template <>
struct Wide<double> {
  static constexpr int kRows = 1;
  using Scalar = double;
  VE_LANES __vr zeros() { return _vel_vbrdl_vsl(0, int(kLanes)); }
  VE_LANES __vr load(const double* p, long stride, int vl) {
    return Real<double>::load(p, stride, vl);
  }
  VE_LANES __vr gather(Vr addresses, Vm mask, int vl) {
    return _vel_vgt_vvssmvl(addresses, 0, 0, mask, zero(vl), vl);
  }
  /// One row here; rows of zeros where fewer are valid.
  VE_LANES __vr rows(const double* p, long, int, long stride, int vl) {
    return load(p, stride, vl);
  }
  static Scalar pick(const double* p, long, int) { return scalar(p); }
  VE_LANES __vr add(Vr a, Vr b, int vl) { return _vel_vfaddd_vvvl(a, b, vl); }
  VE_LANES __vr spread(Scalar s, int vl) { return _vel_vbrdd_vsl(s, vl); }
  VE_LANES __vr larger(double limit, Vr v, int vl) { return _vel_vfmaxd_vsvl(limit, v, vl); }
  VE_LANES __vr smaller(double limit, Vr v, int vl) { return _vel_vfmind_vsvl(limit, v, vl); }
  VE_LANES __vr fma(Vr sum, Scalar s, Vr v, int vl) { return _vel_vfmadd_vvsvl(sum, s, v, vl); }
  VE_LANES __vr fma(Vr sum, Vr a, Vr b, int vl) { return _vel_vfmadd_vvvvvl(sum, a, b, sum, vl); }
  VE_LANES __vr gather_rows(Vr addresses, long row, long, int, int vl) {
    return _vel_vgt_vvssl(_vel_vaddsl_vsvl(8 * row, addresses, vl), 0, 0, vl);
  }
  VE_LANES __vr ones() { return _vel_vbrdd_vsl(1, int(kLanes)); }
  VE_LANES __vr half(Vr v, int, int) { return v; }
  VE_LANES void store(Vr v, double* p, long, int, long stride, int vl) {
    Real<double>::store(v, p, stride, vl);
  }
  VE_LANES void scatter(Vr v, Vr addresses, long, int, int vl) {
    _vel_vsc_vvssl(v, addresses, 0, 0, vl);
  }
};

template <>
struct Wide<float> {
  static constexpr int kRows = 2;
  using Scalar = unsigned long;
  VE_LANES __vr zeros() { return _vel_vbrdl_vsl(0, int(kLanes)); }
  VE_LANES __vr twice(Vr v, int vl) { return _vel_vshf_vvvsl(v, v, VE_VSHUFFLE_YUZU, vl); }
  VE_LANES __vr load(const float* p, long stride, int vl) {
    return twice(_vel_vldu_vssl(static_cast<unsigned long>(4 * stride), p, vl), vl);
  }
  VE_LANES __vr gather(Vr addresses, Vm mask, int vl) {
    return twice(_vel_vgtu_vvssmvl(addresses, 0, 0, mask, zero(vl), vl), vl);
  }
  /// Two rows, `row_stride` apart, in the two halves; the first one twice where it is alone.
  VE_LANES __vr rows(const float* p, long row_stride, int valid, long stride, int vl) {
    const auto bytes = static_cast<unsigned long>(4 * stride);
    const __vr first = _vel_vldu_vssl(bytes, p, vl);
    const __vr second = valid > 1 ? _vel_vldu_vssl(bytes, p + row_stride, vl) : first;
    return _vel_vshf_vvvsl(first, second, VE_VSHUFFLE_YUZU, vl);
  }
  static Scalar pick(const float* p, long row_stride, int valid) {
    return _vel_pack_f32p(p, valid > 1 ? p + row_stride : p);
  }
  VE_LANES __vr add(Vr a, Vr b, int vl) { return _vel_pvfadd_vvvl(a, b, vl); }
  VE_LANES __vr spread(Scalar s, int vl) { return _vel_pvbrd_vsl(s, vl); }
  static unsigned long pair(double value) {
    const auto single = static_cast<float>(value);
    unsigned int bits;
    __builtin_memcpy(&bits, &single, sizeof(bits));
    return static_cast<unsigned long>(bits) << 32 | bits;
  }
  VE_LANES __vr larger(double limit, Vr v, int vl) { return _vel_pvfmax_vsvl(pair(limit), v, vl); }
  VE_LANES __vr smaller(double limit, Vr v, int vl) { return _vel_pvfmin_vsvl(pair(limit), v, vl); }
  VE_LANES __vr fma(Vr sum, Scalar s, Vr v, int vl) { return _vel_pvfmad_vvsvl(sum, s, v, vl); }
  VE_LANES __vr fma(Vr sum, Vr a, Vr b, int vl) { return _vel_pvfmad_vvvvvl(sum, a, b, sum, vl); }
  /// As `rows`, from places `row` and row + `row_stride` elements behind the addresses.
  VE_LANES __vr gather_rows(Vr addresses, long row, long row_stride, int valid, int vl) {
    const __vr at = _vel_vaddsl_vsvl(4 * row, addresses, vl);
    const __vr first = _vel_vgtu_vvssl(at, 0, 0, vl);
    if (valid < 2) return twice(first, vl);
    const __vr behind = _vel_vaddsl_vsvl(4 * row_stride, at, vl);
    return _vel_vshf_vvvsl(first, _vel_vgtu_vvssl(behind, 0, 0, vl), VE_VSHUFFLE_YUZU, vl);
  }
  VE_LANES __vr ones() { return _vel_pvbrd_vsl(pair(1), int(kLanes)); }
  /// The sums of one row, as real numbers.
  VE_LANES __vr half(Vr v, int row, int vl) {
    return _vel_vcvtds_vvl(row == 0 ? v : _vel_vshf_vvvsl(v, v, VE_VSHUFFLE_YLZL, vl), vl);
  }
  VE_LANES void store(Vr v, float* p, long row_stride, int valid, long stride, int vl) {
    const auto bytes = static_cast<unsigned long>(4 * stride);
    _vel_vstu_vssl(v, bytes, p, vl);
    if (valid > 1) _vel_vstl_vssl(v, bytes, p + row_stride, vl);
  }
  VE_LANES void scatter(Vr v, Vr addresses, long row_stride, int valid, int vl) {
    _vel_vscu_vvssl(v, addresses, 0, 0, vl);
    if (valid > 1) _vel_vscl_vvssl(v, _vel_vaddsl_vsvl(4 * row_stride, addresses, vl), 0, 0, vl);
  }
};

/// How many of the rows of a register that begins with `row` exist.
template <class T>
inline int valid_rows(long row, long rows) {
  return rows - row >= Wide<T>::kRows ? Wide<T>::kRows : int(rows - row);
}

}  // namespace rockmate::ve
