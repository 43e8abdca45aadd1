// Vector and mask registers on the host, with the names that LLVM's velintrin.h gives them.
//
// Element i of a mask is bit 63 - i % 64 of word i / 64: the Vector Engine counts bits from the
// most significant one. Lanes at and behind the vector length of an instruction are undefined; here
// they are whatever memory held, so that a test that fills it shows who relies on them.
#pragma once

#include "exec/vector/shim/core.h"

inline constexpr int kVectorLanes = 256;

struct alignas(64) __vr {  // NOLINT: the name is LLVM's
  union {
    uint64_t u[kVectorLanes];
    int64_t l[kVectorLanes];
    double d[kVectorLanes];
    uint32_t w[2 * kVectorLanes];  // 2i: lower half of element i, 2i + 1: upper half
    float f[2 * kVectorLanes];
  };
};

struct __vm256 {  // NOLINT
  uint64_t words[4];
};
using __vm = __vm256;  // NOLINT

struct __vm512 {  // NOLINT
  __vm256 upper, lower;
};

namespace rockmate::ve {

inline bool bit(const __vm256& mask, int i) {
  return (mask.words[i >> 6] >> (63 - (i & 63)) & 1) != 0;
}

/// mask[i] = f(i) for i < vl, 0 behind.
template <class F>
inline __attribute__((always_inline)) __vm256 make_mask(int vl, const F& f) {
  __vm256 mask;
  for (int word = 0; word < 4; ++word) {
    uint64_t bits = 0;
    const int end = vl - 64 * word < 64 ? vl - 64 * word : 64;
    for (int i = 0; i < end; ++i) bits |= uint64_t{f(64 * word + i)} << (63 - i);
    mask.words[word] = bits;
  }
  return mask;
}

}  // namespace rockmate::ve
