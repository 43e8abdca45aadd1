// Pooling, with results of all planes one behind the other in the lanes, and gradients with the
// pixels there: a pixel gathers what the windows that read it send back, so nothing is added in
// memory and the order of a sum is that of the taps.
//
// Byte indices are put together four to a word in the lanes, for there are no vectors of bytes.

#include "exec/vector/kernels/kernels.h"
#include "exec/vector/kernels/window.h"

namespace rockmate::ve {
namespace {

struct Best {
  __vr value, index;
};

// The first of equal elements wins, NaN over all.
template <class T>
VE_LANES Best best_of(const PoolArguments& a, long first, long step, int vl) {
  const Grid& grid = a.grid;
  const T* x = static_cast<const T*>(a.x);
  const Division split = divide(numbers(first, step, vl), grid.positions, vl);
  __vr value = _vel_vbrdd_vsl(-__builtin_inf(), vl);
  __vr index = zero(vl);
  const long taps = tap_count(grid);
  for (long t = 0; t < taps; ++t) {
    const TapIndex tap = tap_index(grid, t);
    const Places places = places_of(grid, tap, split.quotient, split.rest, grid.pixels, vl);
    const __vr read = Real<T>::gather(addresses_of(x, places.offsets, vl), places.inside, vl);
    const __vm256 is_number = _vel_vfmkdeq_mvl(_vel_vfsubd_vvvl(value, value, vl), vl);
    const __vm256 is_infinite = _vel_vfmkdlt_mvl(_vel_vfaddd_vsvl(1.0, value, vl), vl);
    const __vm256 open = _vel_orm_mmm(is_number, is_infinite);
    const __vm256 wins = _vel_orm_mmm(_vel_vfmkdgt_mvl(_vel_vfcmpd_vvvl(read, value, vl), vl),
                                      _vel_vfmkdnan_mvl(read, vl));
    const __vm256 takes = _vel_andm_mmm(places.inside, _vel_andm_mmm(open, wins));
    value = choose(takes, read, value, vl);
    index = choose(takes, _vel_vbrdl_vsl(t, vl), index, vl);
  }
  return {value, index};
}

template <class T>
void max_pool_bytes(const PoolArguments& a, long first, long count) {
  T* y = static_cast<T*>(a.y) + first;
  auto* indices = static_cast<unsigned char*>(a.index_out) + first;
  const int words = int(count / 4);
  if (words > 0) {
    __vr packed = zero(words);
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const Best best = best_of<T>(a, first + j, 4, words);
      Real<T>::store(best.value, y + j, 4, words);
      packed = _vel_vor_vvvl(
          packed, _vel_vsll_vvsl(best.index, static_cast<unsigned long>(8 * j), words), words);
    }
    _vel_vstl_vssl(packed, 4, indices, words);
  }
  for (long i = 4 * words; i < count; ++i) {
    const Best best = best_of<T>(a, first + i, 1, 1);
    Real<T>::store(best.value, y + i, 1, 1);
    put_scalar(indices + i, static_cast<unsigned char>(_vel_lvsl_svs(best.index, 0)));
  }
}

template <class T>
void max_pool_words(const PoolArguments& a, long first, int vl) {
  const Best best = best_of<T>(a, first, 1, vl);
  Real<T>::store(best.value, static_cast<T*>(a.y) + first, 1, vl);
  if (a.index_out == nullptr) return;
  _vel_vstl_vssl(best.index, 4, static_cast<int*>(a.index_out) + first, vl);
}

template <class T>
void max_pool(const PoolArguments& a, long begin, long end) {
  const long results = a.planes * a.grid.positions;
  const long last = least(end * kPoolStretch, results);
  if (a.byte_indices && a.index_out != nullptr) {
    for (long at = begin * kPoolStretch; at < last; at += kPoolStretch) {
      max_pool_bytes<T>(a, at, least(kPoolStretch, last - at));
    }
  } else {
    for_lanes(begin * kPoolStretch, last, [&](long at, int vl) { max_pool_words<T>(a, at, vl); });
  }
}

// Of pixels `position` of planes, the results that read them through a tap: their numbers, and
// where there are any.
VE_LANES Places readers_of(const Grid& grid, const TapIndex& tap, Vr plane, Vr position, int vl) {
  __vr numbers = _vel_vmulsl_vsvl(grid.positions, plane, vl);
  __vm256 exists = _vel_vfmkleq_mvl(zero(vl), vl);
  __vr rest = position;
  long stride = 1;
  for (int d = grid.rank - 1; d >= 0; --d) {
    const Division coordinate = divide(rest, grid.image[d], vl);
    rest = coordinate.quotient;
    const __vr distance = _vel_vaddsl_vsvl(-tap_offset(grid, tap, d), coordinate.rest, vl);
    const Division step = divide(distance, grid.step[d], vl);
    exists = _vel_andm_mmm(exists, _vel_vfmkleq_mvl(step.rest, vl));
    exists = _vel_andm_mmm(exists, within(step.quotient, grid.counts[d], vl));
    exists = _vel_andm_mmm(exists, _vel_vfmklge_mvl(distance, vl));
    numbers = _vel_vaddsl_vvvl(numbers, _vel_vmulsl_vsvl(stride, step.quotient, vl), vl);
    stride *= grid.counts[d];
  }
  return {numbers, exists};
}

// Bytes are read in the words that they lie in.
VE_LANES __vr gather_indices(const PoolArguments& a, Vr numbers, Vm mask, int vl) {
  if (!a.byte_indices) {
    const auto* indices = static_cast<const int*>(a.indices);
    return _vel_vgtlzx_vvssmvl(addresses_of(indices, numbers, vl), 0, 0, mask, zero(vl), vl);
  }
  const auto* indices = static_cast<const unsigned char*>(a.indices);
  const __vr addresses = addresses_of(indices, numbers, vl);
  const __vr words = _vel_vand_vsvl(~3UL, addresses, vl);
  const __vr shifts = _vel_vsll_vvsl(_vel_vand_vsvl(3, addresses, vl), 3, vl);
  const __vr bits = _vel_vgtlzx_vvssmvl(words, 0, 0, mask, zero(vl), vl);
  return _vel_vand_vsvl(255, _vel_vsrl_vvvl(bits, shifts, vl), vl);
}

template <class T>
void max_pool_gradient(const PoolArguments& a, long begin, long end) {
  const Grid& grid = a.grid;
  const T* dy = static_cast<const T*>(a.x);
  T* dx = static_cast<T*>(a.y);
  const long last = least(end * kPoolStretch, a.planes * grid.pixels);
  for_lanes(begin * kPoolStretch, last, [&](long at, int vl) {
    const Division split = divide(numbers(at, 1, vl), grid.pixels, vl);
    __vr sum = zero(vl);
    const long taps = tap_count(grid);
    for (long t = 0; t < taps; ++t) {
      const Places readers = readers_of(grid, tap_index(grid, t), split.quotient, split.rest, vl);
      const __vr index = gather_indices(a, readers.offsets, readers.inside, vl);
      const __vm256 chosen =
          _vel_andm_mmm(readers.inside, _vel_vfmkleq_mvl(_vel_vaddsl_vsvl(-t, index, vl), vl));
      const __vr gradient = Real<T>::gather(addresses_of(dy, readers.offsets, vl), chosen, vl);
      sum = add(sum, gradient, vl);
    }
    Real<T>::store(sum, dx + at, 1, vl);
  });
}

// The elements that the windows at `position` average over: those of the image, and of the padding
// where that counts, but never those behind it.
VE_LANES __vr divisors(const PoolArguments& a, Vr position, int vl) {
  const Grid& grid = a.grid;
  __vr product = _vel_vbrdl_vsl(1, vl);
  __vr rest = position;
  for (int d = grid.rank - 1; d >= 0; --d) {
    const Division coordinate = divide(rest, grid.counts[d], vl);
    rest = coordinate.quotient;
    const long before = a.counts_padding ? a.pads_before[d] : 0;
    const long behind = a.counts_padding ? a.pads_behind[d] : 0;
    // Windows have no dilation: they cover [begin, begin + count), cut off at both ends.
    const __vr start = _vel_vaddsl_vsvl(grid.taps[d].offset,
                                        _vel_vmulsl_vsvl(grid.step[d], coordinate.rest, vl), vl);
    const __vr stop = _vel_vaddsl_vsvl(grid.taps[d].count, start, vl);
    const __vr low = _vel_vmaxsl_vsvl(-before, start, vl);
    const __vr high = _vel_vminsl_vsvl(grid.image[d] + behind, stop, vl);
    const __vr count = _vel_vmaxsl_vsvl(0, _vel_vsubsl_vvvl(high, low, vl), vl);
    product = _vel_vmulsl_vvvl(product, count, vl);
  }
  return _vel_vcvtdl_vvl(_vel_vmaxsl_vsvl(1, product, vl), vl);
}

template <class T>
void average_pool(const PoolArguments& a, long begin, long end) {
  const Grid& grid = a.grid;
  const T* x = static_cast<const T*>(a.x);
  const long last = least(end * kPoolStretch, a.planes * grid.positions);
  for_lanes(begin * kPoolStretch, last, [&](long at, int vl) {
    const Division split = divide(numbers(at, 1, vl), grid.positions, vl);
    __vr sum = zero(vl);
    const long taps = tap_count(grid);
    for (long t = 0; t < taps; ++t) {
      const Places places =
          places_of(grid, tap_index(grid, t), split.quotient, split.rest, grid.pixels, vl);
      sum = add(sum, Real<T>::gather(addresses_of(x, places.offsets, vl), places.inside, vl), vl);
    }
    Real<T>::store(div(sum, divisors(a, split.rest, vl), vl), static_cast<T*>(a.y) + at, 1, vl);
  });
}

template <class T>
void average_pool_gradient(const PoolArguments& a, long begin, long end) {
  const Grid& grid = a.grid;
  const T* dy = static_cast<const T*>(a.x);
  const long last = least(end * kPoolStretch, a.planes * grid.pixels);
  for_lanes(begin * kPoolStretch, last, [&](long at, int vl) {
    const Division split = divide(numbers(at, 1, vl), grid.pixels, vl);
    __vr sum = zero(vl);
    const long taps = tap_count(grid);
    for (long t = 0; t < taps; ++t) {
      const Places readers = readers_of(grid, tap_index(grid, t), split.quotient, split.rest, vl);
      const __vr gradient =
          Real<T>::gather(addresses_of(dy, readers.offsets, vl), readers.inside, vl);
      const __vr reader = choose(readers.inside, readers.offsets, 0.0, vl);
      const __vr position = divide(reader, grid.positions, vl).rest;
      sum = add(sum, div(gradient, divisors(a, position, vl), vl), vl);
    }
    Real<T>::store(sum, static_cast<T*>(a.y) + at, 1, vl);
  });
}

}  // namespace

VE_KERNEL(ve_max_pool, PoolArguments, max_pool)
VE_KERNEL(ve_max_pool_gradient, PoolArguments, max_pool_gradient)
VE_KERNEL(ve_average_pool, PoolArguments, average_pool)
VE_KERNEL(ve_average_pool_gradient, PoolArguments, average_pool_gradient)

}  // namespace rockmate::ve
