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

// Number i of pixel p lies at rows[p][i]. Three pixels share an address, so that those of all of
// them stay in registers.
template <std::int64_t pixels>
class Rows {
 public:
  HWY_INLINE Rows(const float* x, std::int64_t size) : size_(size) {
#pragma GCC unroll 4
    for (std::int64_t g = 0; g < kAddresses; ++g) at_[g] = x + g * 3 * size;
  }
  HWY_INLINE V operator[](std::int64_t p) const { return number(at_[p / 3][p % 3 * size_]); }
  HWY_INLINE void next() {
#pragma GCC unroll 4
    for (std::int64_t g = 0; g < kAddresses; ++g) {
      ++at_[g];
      asm("" : "+r"(at_[g]));  // or the compiler would compute one for each pixel again
    }
  }

 private:
  static constexpr std::int64_t kAddresses = (pixels + 2) / 3;
  const float* at_[kAddresses];
  std::int64_t size_;
};

// Number i of pixel p lies at lines[offsets[i] + p].
class Lines {
 public:
  HWY_INLINE Lines(const float* lines, const std::int64_t* offsets)
      : lines_(lines), offset_(offsets) {}
  HWY_INLINE V operator[](std::int64_t p) const { return number(lines_[*offset_ + p]); }
  HWY_INLINE void next() { ++offset_; }

 private:
  const float* lines_;
  const std::int64_t* offset_;
};

struct Target {
  const float* addend;  // may be null
  float* y;
  std::int64_t size;  // of a pixel
};

template <std::int64_t pixels, class Span>
HWY_INLINE void finish(V (&sums)[pixels], const Target& target, const Clamp& clamp, Span part) {
  const V low = number(clamp.low), high = number(clamp.high);
  const std::int64_t size = target.size;
  if (const float* const addend = target.addend; addend != nullptr) {
#pragma GCC unroll 12
    for (std::int64_t p = 0; p < pixels; ++p) {
      sums[p] = hn::Add(sums[p], part.load(addend + p * size));
    }
  }
  float* const y = target.y;
#pragma GCC unroll 12
  for (std::int64_t p = 0; p < pixels; ++p) {
    part.store(hn::Min(high, hn::Max(low, sums[p])), y + p * size);
  }
}

// So many pixels, `vectors` vectors of channels from `first` on.
template <std::int64_t pixels, std::int64_t vectors, class Source>
HWY_INLINE void multiply(const PixelProduct& by, Source x, const Target& target,
                         std::int64_t first) {
  const std::int64_t in = by.in;
  const float* weights[vectors];
  V sums[vectors][pixels];
#pragma GCC unroll 2
  for (std::int64_t v = 0; v < vectors; ++v) {
    const std::int64_t channel = first + v * lanes();
    weights[v] =
        by.weights + channel / kChannelBlock * kChannelBlock * in + channel % kChannelBlock;
    const V shift = hn::LoadU(FloatTag(), by.shift + channel);
#pragma GCC unroll 12
    for (std::int64_t p = 0; p < pixels; ++p) sums[v][p] = shift;
  }
  for (std::int64_t i = 0; i < in; ++i, x.next()) {
    V w[vectors];
#pragma GCC unroll 2
    for (std::int64_t v = 0; v < vectors; ++v)
      w[v] = hn::LoadU(FloatTag(), weights[v] + i * kChannelBlock);
#pragma GCC unroll 12
    for (std::int64_t p = 0; p < pixels; ++p) {
      const V number = x[p];
#pragma GCC unroll 2
      for (std::int64_t v = 0; v < vectors; ++v) {
        sums[v][p] = hn::MulAdd(number, w[v], sums[v][p]);
      }
    }
  }
#pragma GCC unroll 2
  for (std::int64_t v = 0; v < vectors; ++v) {
    const std::int64_t channel = first + v * lanes();
    const Target rest{target.addend != nullptr ? target.addend + channel : nullptr,
                      target.y + channel, target.size};
    const std::int64_t left = by.out - channel;
    left >= lanes() ? finish(sums[v], rest, by.clamp, Whole())
                    : finish(sums[v], rest, by.clamp, Part(left));
  }
}

struct RowSource {
  const float* x;
  std::int64_t size;
  template <std::int64_t pixels>
  HWY_INLINE Rows<pixels> from(std::int64_t begin) const {
    return Rows<pixels>(x + begin * size, size);
  }
};

struct LineSource {
  const float* lines;
  const std::int64_t* offsets;
  template <std::int64_t pixels>
  HWY_INLINE Lines from(std::int64_t begin) const {
    return Lines(lines + begin, offsets);
  }
};

template <std::int64_t pixels, class Source>
HWY_NOINLINE void multiply_tile(const PixelProduct& by, const Source& source, std::int64_t begin,
                                const Target& target, std::int64_t first) {
  const auto x = source.template from<pixels>(begin);
  by.out - first > lanes() ? multiply<pixels, 2>(by, x, target, first)
                           : multiply<pixels, 1>(by, x, target, first);
}

template <class Source, std::int64_t... counts>
void multiply_any(std::int64_t pixels, const PixelProduct& by, const Source& source,
                  std::int64_t begin, const Target& target, std::int64_t first,
                  std::integer_sequence<std::int64_t, counts...>) {
  static constexpr std::array kBy = {multiply_tile<counts + 1, Source>...};
  kBy[static_cast<std::size_t>(pixels - 1)](by, source, begin, target, first);
}

// Few weights stay in the nearest cache while all pixels go by.
template <class Source>
void multiply_all(const PixelProduct& by, const Source& source, std::int64_t pixels,
                  const float* addend, float* y) {
  const std::int64_t tiles = (pixels + kTilePixels - 1) / kTilePixels;
  for (std::int64_t first = 0; first < by.out; first += 2 * lanes()) {
    for (std::int64_t t = 0; t < tiles; ++t) {
      const std::int64_t begin = pixels * t / tiles;
      const std::int64_t at = begin * by.out;
      const Target target{addend != nullptr ? addend + at : nullptr, y + at, by.out};
      multiply_any(pixels * (t + 1) / tiles - begin, by, source, begin, target, first,
                   std::make_integer_sequence<std::int64_t, kTilePixels>());
    }
  }
}

void multiply_pixels(const PixelProduct& by, const float* x, std::int64_t pixels,
                     const float* addend, float* y) {
  multiply_all(by, RowSource{x, by.in}, pixels, addend, y);
}

void multiply_lines(const PixelProduct& by, const float* lines, const std::int64_t* offsets,
                    std::int64_t pixels, float* y) {
  multiply_all(by, LineSource{lines, offsets}, pixels, nullptr, y);
}

}  // namespace rockmate::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rockmate::cpu {
namespace {

HWY_EXPORT(multiply_pixels);
HWY_EXPORT(multiply_lines);

}  // namespace

void multiply_pixels(const PixelProduct& by, const float* x, std::int64_t pixels,
                     const float* addend, float* y) {
  HWY_DYNAMIC_DISPATCH(multiply_pixels)(by, x, pixels, addend, y);
}

void multiply_lines(const PixelProduct& by, const float* lines, const std::int64_t* offsets,
                    std::int64_t pixels, float* y) {
  HWY_DYNAMIC_DISPATCH(multiply_lines)(by, lines, offsets, pixels, y);
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
