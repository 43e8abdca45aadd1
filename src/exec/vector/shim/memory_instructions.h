// The intrinsics that touch memory, each of which tells the core what it touches.
#pragma once

#include "exec/vector/shim/instructions.h"

namespace rockmate::ve {

inline constexpr uint64_t kLineBytes = 128;

// Elements of `width` bytes, `stride` bytes apart. Cache lines are moved whole.
inline void count_strided(Pipe pipe, int vl, uint64_t width, uint64_t stride) {
  const auto length = static_cast<uint64_t>(vl);
  core.issue(pipe, vl);
  (pipe == kStore ? core.counters.stored_bytes : core.counters.loaded_bytes) +=
      core.weight * width * length;
  if (stride > width) {
    core.counters.line_bytes += core.weight * length * (stride < kLineBytes ? stride : kLineBytes);
  } else {
    core.counters.line_bytes += core.weight * length * width;
  }
}

// Wherever they lie.
inline void count_scattered(int vl, uint64_t width, bool is_store) {
  const auto length = static_cast<uint64_t>(vl);
  core.issue(kGather, vl);
  (is_store ? core.counters.stored_bytes : core.counters.loaded_bytes) +=
      core.weight * width * length;
  core.counters.line_bytes += core.weight * width * length;
}

inline void check_strided(const void* base, uint64_t stride, int vl, uint64_t width,
                          bool is_store) {
  const auto first = reinterpret_cast<uintptr_t>(base);
  const uintptr_t last = first + stride * static_cast<uint64_t>(vl - 1);
  core.access(first < last ? first : last, (first < last ? last : first) + width, is_store);
}

template <class T>
inline T read_element(uintptr_t address) {
  T value;
  __builtin_memcpy(&value, reinterpret_cast<const void*>(address), sizeof(value));
  return value;
}
template <class T>
inline void write_element(uintptr_t address, T value) {
  __builtin_memcpy(reinterpret_cast<void*>(address), &value, sizeof(value));
}

// result[i] = f(element i), in a loop of its own where elements are neighbours.
template <class T, class F>
inline __attribute__((always_inline)) void load_strided(__vr& result, uint64_t stride,
                                                        const void* base, int vl, const F& f) {
  count_strided(kLoad, vl, sizeof(T), stride);
  if (core.dry) return;
  check_strided(base, stride, vl, sizeof(T), false);
  const auto first = reinterpret_cast<uintptr_t>(base);
  if (stride == sizeof(T)) {
    for (int i = 0; i < vl; ++i) {
      result.u[i] = f(read_element<T>(first + static_cast<uint64_t>(i) * sizeof(T)));
    }
  } else {
    for (int i = 0; i < vl; ++i) {
      result.u[i] = f(read_element<T>(first + static_cast<uint64_t>(i) * stride));
    }
  }
}

template <class T, class F>
inline __attribute__((always_inline)) void store_strided(uint64_t stride, void* base, int vl,
                                                         const F& element) {
  count_strided(kStore, vl, sizeof(T), stride);
  if (core.dry) return;
  check_strided(base, stride, vl, sizeof(T), true);
  const auto first = reinterpret_cast<uintptr_t>(base);
  if (stride == sizeof(T)) {
    for (int i = 0; i < vl; ++i) {
      write_element<T>(first + static_cast<uint64_t>(i) * sizeof(T), element(i));
    }
  } else {
    for (int i = 0; i < vl; ++i) {
      write_element<T>(first + static_cast<uint64_t>(i) * stride, element(i));
    }
  }
}

// Lanes that the mask leaves out are those of `rest`.
template <class T, class F>
inline __attribute__((always_inline)) void gather(__vr& result, const __vr& addresses,
                                                  const __vm256& mask, const __vr& rest, int vl,
                                                  const F& f) {
  count_scattered(vl, sizeof(T), false);
  Core& here = core;
  if (here.dry) return;
  for (int i = 0; i < vl; ++i) {
    if (!bit(mask, i)) {
      result.u[i] = rest.u[i];
      continue;
    }
    here.access(addresses.u[i], addresses.u[i] + sizeof(T), false);
    result.u[i] = f(read_element<T>(addresses.u[i]));
  }
  for (int i = vl; i < kVectorLanes; ++i) result.u[i] = rest.u[i];
}
template <class T, class F>
inline __attribute__((always_inline)) void gather(__vr& result, const __vr& addresses, int vl,
                                                  const F& f) {
  count_scattered(vl, sizeof(T), false);
  Core& here = core;
  if (here.dry) return;
  for (int i = 0; i < vl; ++i) {
    here.access(addresses.u[i], addresses.u[i] + sizeof(T), false);
    result.u[i] = f(read_element<T>(addresses.u[i]));
  }
}

template <class T, class F>
inline __attribute__((always_inline)) void scatter(const __vr& addresses, int vl,
                                                   const F& element) {
  count_scattered(vl, sizeof(T), true);
  Core& here = core;
  if (here.dry) return;
  for (int i = 0; i < vl; ++i) {
    here.access(addresses.u[i], addresses.u[i] + sizeof(T), true);
    write_element<T>(addresses.u[i], element(i));
  }
}

inline uint64_t whole(uint64_t bits) { return bits; }
inline uint64_t upper(uint32_t bits) { return uint64_t{bits} << 32; }
inline uint64_t zero_extended(uint32_t bits) { return bits; }
inline uint64_t sign_extended(uint32_t bits) {
  return static_cast<uint64_t>(int64_t{static_cast<int32_t>(bits)});
}

}  // namespace rockmate::ve

#define VE_MEMORY(load, store, get, put, T, extend, part)                                      \
  VE_INLINE __vr _vel_##load##_vssl(uint64_t stride, const void* base, int vl) {               \
    __vr result;                                                                               \
    ::rockmate::ve::load_strided<T>(result, stride, base, vl, ::rockmate::ve::extend);         \
    return result;                                                                             \
  }                                                                                            \
  VE_INLINE __vr _vel_##get##_vvssl(const __vr& addresses, uint64_t, uint64_t, int vl) {       \
    __vr result;                                                                               \
    ::rockmate::ve::gather<T>(result, addresses, vl, ::rockmate::ve::extend);                  \
    return result;                                                                             \
  }                                                                                            \
  VE_INLINE __vr _vel_##get##_vvssmvl(const __vr& addresses, uint64_t, uint64_t,               \
                                      const __vm256& mask, const __vr& rest, int vl) {         \
    __vr result;                                                                               \
    ::rockmate::ve::gather<T>(result, addresses, mask, rest, vl, ::rockmate::ve::extend);      \
    return result;                                                                             \
  }                                                                                            \
  VE_INLINE void _vel_##store##_vssl(const __vr& vx, uint64_t stride, void* base, int vl) {    \
    ::rockmate::ve::store_strided<T>(stride, base, vl, [&](int i) { return vx.part; });        \
  }                                                                                            \
  VE_INLINE void _vel_##put##_vvssl(const __vr& vx, const __vr& addresses, uint64_t, uint64_t, \
                                    int vl) {                                                  \
    ::rockmate::ve::scatter<T>(addresses, vl, [&](int i) { return vx.part; });                 \
  }
VE_MEMORY(vld, vst, vgt, vsc, uint64_t, whole, u[i])
VE_MEMORY(vldu, vstu, vgtu, vscu, uint32_t, upper, w[2 * i + 1])
VE_MEMORY(vldlzx, vstl, vgtlzx, vscl, uint32_t, zero_extended, w[2 * i])
#undef VE_MEMORY

VE_INLINE __vr _vel_vgtlsx_vvssl(const __vr& addresses, uint64_t, uint64_t, int vl) {
  __vr result;
  ::rockmate::ve::gather<uint32_t>(result, addresses, vl, ::rockmate::ve::sign_extended);
  return result;
}
VE_INLINE __vr _vel_vldlsx_vssl(uint64_t stride, const void* base, int vl) {
  __vr result;
  ::rockmate::ve::load_strided<uint32_t>(result, stride, base, vl, ::rockmate::ve::sign_extended);
  return result;
}

/// A pair from two places: the first one becomes the upper half.
VE_INLINE uint64_t _vel_pack_f32p(const float* upper, const float* lower) {
  ::rockmate::ve::Core& core = ::rockmate::ve::core;
  core.counters.scalars += core.weight;
  if (core.dry) return 0;
  const auto u = reinterpret_cast<uintptr_t>(upper);
  const auto l = reinterpret_cast<uintptr_t>(lower);
  core.access(u, u + sizeof(float), false);
  core.access(l, l + sizeof(float), false);
  return uint64_t{::rockmate::ve::read_element<uint32_t>(u)} << 32 |
         ::rockmate::ve::read_element<uint32_t>(l);
}
