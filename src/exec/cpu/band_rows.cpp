// A tile of the result has as many pixels as fit, two vectors wide, into registers. Pixels are
// dealt evenly to tiles: 14 are 7 and 7, not 12 and 2.

#include "exec/cpu/band_rows.h"

#include <algorithm>
#include <array>
#include <utility>

#include "exec/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/cpu/band_rows.cpp"
#include <hwy/foreach_target.h>

#include "exec/cpu/simd_inl.h"

HWY_BEFORE_NAMESPACE();
namespace rockmate::cpu::HWY_NAMESPACE {

// Sums, weights and a pixel's input: 32 registers, or 16.
#if HWY_TARGET == HWY_AVX3
constexpr std::int64_t kTilePixels = 12;
#else
constexpr std::int64_t kTilePixels = 6;
#endif

struct Tile {
  const PixelProduct& by;
  const float* x;
  const float* addend;  // may be null
  float* y;
};

template <class Span>
HWY_INLINE void finish(const Tile& tile, V sum, std::int64_t at, Span part) {
  if (tile.addend != nullptr) sum = hn::Add(sum, part.load(tile.addend + at));
  part.store(clamped(sum, tile.by.clamp.low, tile.by.clamp.high), tile.y + at);
}

// So many pixels, `vectors` vectors of channels from `first` on.
template <std::int64_t pixels, std::int64_t vectors>
HWY_INLINE void multiply(const Tile& tile, std::int64_t first) {
  const std::int64_t in = tile.by.in, out = tile.by.out;
  const float* weights[vectors];
  V sums[pixels][vectors];
#pragma GCC unroll 2
  for (std::int64_t v = 0; v < vectors; ++v) {
    const std::int64_t channel = first + v * lanes();
    weights[v] =
        tile.by.weights + channel / kChannelBlock * kChannelBlock * in + channel % kChannelBlock;
    const V shift = hn::LoadU(FloatTag(), tile.by.shift + channel);
#pragma GCC unroll 12
    for (std::int64_t p = 0; p < pixels; ++p) sums[p][v] = shift;
  }
  for (std::int64_t i = 0; i < in; ++i) {
    V w[vectors];
#pragma GCC unroll 2
    for (std::int64_t v = 0; v < vectors; ++v)
      w[v] = hn::LoadU(FloatTag(), weights[v] + i * kChannelBlock);
#pragma GCC unroll 12
    for (std::int64_t p = 0; p < pixels; ++p) {
      const V x = number(tile.x[p * in + i]);
#pragma GCC unroll 2
      for (std::int64_t v = 0; v < vectors; ++v) sums[p][v] = hn::MulAdd(x, w[v], sums[p][v]);
    }
  }
#pragma GCC unroll 2
  for (std::int64_t v = 0; v < vectors; ++v) {
    const std::int64_t channel = first + v * lanes();
    const std::int64_t left = out - channel;
    if (left >= lanes()) {
#pragma GCC unroll 12
      for (std::int64_t p = 0; p < pixels; ++p)
        finish(tile, sums[p][v], p * out + channel, Whole());
    } else {
#pragma GCC unroll 12
      for (std::int64_t p = 0; p < pixels; ++p)
        finish(tile, sums[p][v], p * out + channel, Part(left));
    }
  }
}

template <std::int64_t pixels>
HWY_NOINLINE void multiply_tile(const Tile& tile, std::int64_t first) {
  tile.by.out - first > lanes() ? multiply<pixels, 2>(tile, first)
                                : multiply<pixels, 1>(tile, first);
}

template <std::int64_t... counts>
void multiply_any(std::int64_t pixels, const Tile& tile, std::int64_t first,
                  std::integer_sequence<std::int64_t, counts...>) {
  static constexpr std::array kBy = {multiply_tile<counts + 1>...};
  kBy[static_cast<std::size_t>(pixels - 1)](tile, first);
}

// Few weights stay in the nearest cache while all pixels go by.
void multiply_pixels(const PixelProduct& by, const float* x, std::int64_t pixels,
                     const float* addend, float* y) {
  const std::int64_t tiles = (pixels + kTilePixels - 1) / kTilePixels;
  for (std::int64_t first = 0; first < by.out; first += 2 * lanes()) {
    for (std::int64_t t = 0; t < tiles; ++t) {
      const std::int64_t begin = pixels * t / tiles;
      const std::int64_t at = begin * by.out;
      multiply_any(pixels * (t + 1) / tiles - begin,
                   {by, x + begin * by.in, addend != nullptr ? addend + at : nullptr, y + at},
                   first, std::make_integer_sequence<std::int64_t, kTilePixels>());
    }
  }
}

}  // namespace rockmate::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rockmate::cpu {
namespace {

HWY_EXPORT(multiply_pixels);

}  // namespace

void multiply_pixels(const PixelProduct& by, const float* x, std::int64_t pixels,
                     const float* addend, float* y) {
  HWY_DYNAMIC_DISPATCH(multiply_pixels)(by, x, pixels, addend, y);
}

// Input by input: each writes a row of a block, which is a cache line.
void pack_blocks(const float* weights, const float* scale, std::int64_t out, std::int64_t in,
                 std::int64_t window, float* blocks) {
  const std::int64_t taps = in * window;
  for (std::int64_t first = 0; first < out; first += kChannelBlock) {
    float* row = blocks + first * taps;
    const std::int64_t channels = std::min(kChannelBlock, out - first);
    for (std::int64_t t = 0; t < taps; ++t, row += kChannelBlock) {
      const float* const from = weights + first * taps + t % in * window + t / in;
      std::fill_n(row, kChannelBlock, 0.0F);
      for (std::int64_t c = 0; c < channels; ++c) row[c] = from[c * taps] * scale[first + c];
    }
  }
}

}  // namespace rockmate::cpu
#endif
