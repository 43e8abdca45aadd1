// Positions of a window over an image, a register at a time: from the number of a position to its
// coordinates, and from those and a tap to the places that it reads.
#pragma once

#include "exec/vector/kernels/functions.h"

namespace rockmate::ve {

/// Which elements of a tensor a tap reads.
struct Places {
  __vr offsets;  // in elements, from the start of the first image's channel
  __vm256 inside;
};

/// a / b and a % b of numbers that are not negative.
struct Division {
  __vr quotient, rest;
};
VE_LANES Division divide(Vr a, long b, int vl) {
  const __vr quotient = _vel_vdivsl_vvsl(a, b, vl);
  return {quotient, _vel_vsubsl_vvvl(a, _vel_vmulsl_vsvl(b, quotient, vl), vl)};
}

/// first, first + step, ...
VE_LANES __vr numbers(long first, long step, int vl) {
  return _vel_vaddsl_vsvl(first, _vel_vmulsl_vsvl(step, _vel_vseq_vl(vl), vl), vl);
}

VE_LANES __vm256 within(Vr at, long extent, int vl) {
  return _vel_andm_mmm(_vel_vfmklge_mvl(at, vl),
                       _vel_vfmklgt_mvl(_vel_vsubsl_vsvl(extent, at, vl), vl));
}

/// One choice of a tap along each axis.
struct TapIndex {
  long at[kMostAxes];
};
inline TapIndex tap_index(const Grid& grid, long tap) {
  TapIndex index = {};
  for (int d = grid.rank - 1; d >= 0; --d) {
    index.at[d] = tap % grid.taps[d].count;
    tap /= grid.taps[d].count;
  }
  return index;
}
inline long tap_count(const Grid& grid) {
  long count = 1;
  for (int d = 0; d < grid.rank; ++d) count *= grid.taps[d].count;
  return count;
}
inline long tap_weight(const Grid& grid, const TapIndex& tap) {
  long weight = 0;
  for (int d = 0; d < grid.rank; ++d) {
    weight += grid.taps[d].weight + tap.at[d] * grid.taps[d].weight_step;
  }
  return weight;
}
inline long tap_offset(const Grid& grid, const TapIndex& tap, int d) {
  return grid.taps[d].offset + tap.at[d] * grid.taps[d].offset_step;
}

/// What the positions `position` of images `image` read through a tap, where images, or planes, are
/// `image_stride` elements apart.
VE_LANES Places places_of(const Grid& grid, const TapIndex& tap, Vr image, Vr position,
                          long image_stride, int vl) {
  __vr offsets = _vel_vmulsl_vsvl(image_stride, image, vl);
  __vm256 inside = _vel_vfmkleq_mvl(zero(vl), vl);
  __vr rest = position;
  long stride = 1;
  for (int d = grid.rank - 1; d >= 0; --d) {
    const Division coordinate = divide(rest, grid.counts[d], vl);
    rest = coordinate.quotient;
    const __vr at = _vel_vaddsl_vsvl(tap_offset(grid, tap, d),
                                     _vel_vmulsl_vsvl(grid.step[d], coordinate.rest, vl), vl);
    inside = _vel_andm_mmm(inside, within(at, grid.image[d], vl));
    offsets = _vel_vaddsl_vvvl(offsets, _vel_vmulsl_vsvl(stride, at, vl), vl);
    stride *= grid.image[d];
  }
  return {offsets, inside};
}

/// Where the results of positions lie.
VE_LANES __vr results_of(const Grid& grid, Vr image, Vr position, long image_stride, int vl) {
  __vr offsets = _vel_vmulsl_vsvl(image_stride, image, vl);
  __vr rest = position;
  long stride = 1;
  for (int d = grid.rank - 1; d >= 0; --d) {
    const Division coordinate = divide(rest, grid.counts[d], vl);
    rest = coordinate.quotient;
    const __vr at =
        _vel_vaddsl_vsvl(grid.first[d], _vel_vmulsl_vsvl(grid.spacing[d], coordinate.rest, vl), vl);
    offsets = _vel_vaddsl_vvvl(offsets, _vel_vmulsl_vsvl(stride, at, vl), vl);
    stride *= grid.result[d];
  }
  return offsets;
}

template <class T>
VE_LANES __vr addresses_of(const T* origin, Vr offsets, int vl) {
  return _vel_vaddul_vsvl(reinterpret_cast<unsigned long>(origin),
                          _vel_vmulsl_vsvl(long(sizeof(T)), offsets, vl), vl);
}

/// A chunk of the positions of a batch of images.
struct Chunk {
  long image, first;  ///< of the first position
  int length;
};
inline Chunk chunk_of(const Grid& grid, long batch, long chunk) {
  if (grid.joins_images) {
    const long first = chunk * grid.chunk;
    return {0, first, int(least(grid.chunk, batch * grid.positions - first))};
  }
  const long first = chunk % grid.chunks * grid.chunk;
  return {chunk / grid.chunks, first, int(least(grid.chunk, grid.positions - first))};
}
/// Image and position of each lane of a chunk.
struct ChunkLanes {
  __vr image, position;
};
VE_LANES ChunkLanes lanes_of(const Grid& grid, const Chunk& chunk, int vl) {
  const Division split = divide(numbers(chunk.first, 1, vl), grid.positions, vl);
  return {_vel_vaddsl_vsvl(chunk.image, split.quotient, vl), split.rest};
}

/// Whether a tap of a plain grid reads neighbours, all of which exist: where it starts, else -1.
inline long plain_start(const Grid& grid, const TapIndex& tap, const Chunk& chunk) {
  if (!grid.is_plain || grid.joins_images) return -1;
  long shift = 0;
  for (int d = 0; d < grid.rank; ++d) shift = shift * grid.image[d] + tap_offset(grid, tap, d);
  const long start = chunk.first + shift;
  return start >= 0 && start + chunk.length <= grid.pixels ? start : -1;
}

}  // namespace rockmate::ve
