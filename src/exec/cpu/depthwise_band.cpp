// Where a window has 3 or 5 columns, neighbouring pixels are computed side by side, so that an
// element of the image is loaded once for all windows of a row that hold it. Of other windows,
// several vectors of channels share the arithmetic of addresses.

#include "exec/cpu/depthwise_band.h"

#include <algorithm>
#include <array>
#include <utility>

#include "exec/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/cpu/depthwise_band.cpp"
#include <hwy/foreach_target.h>

#include "exec/cpu/simd_inl.h"

HWY_BEFORE_NAMESPACE();
namespace rockmate::cpu::HWY_NAMESPACE {

// The image, the weights and the sums: 32 registers, or 16.
#if HWY_TARGET == HWY_AVX3
constexpr std::int64_t kRun = 8;
#else
constexpr std::int64_t kRun = 4;
#endif
constexpr std::int64_t kVectors = 4;  // that share addresses

// So many pixels from `first` on; a vector of channels from c. `is_whole`: their windows lie within
// the image; else, zeros are read outside it.
template <std::int64_t kernel, std::int64_t stride, std::int64_t pixels, bool is_whole, class Span>
HWY_INLINE void convolve_run(const DepthwiseRow& row, std::int64_t first, std::int64_t c, Span part,
                             float* y) {
  constexpr std::int64_t kImage = (pixels - 1) * stride + kernel;
  const std::int64_t channels = row.channels;
  const std::int64_t width = row.columns.image;
  const std::int64_t at = first * stride - row.pad;
  V sums[pixels];
  const V shift = part.load(row.shift + c);
#pragma GCC unroll 8
  for (std::int64_t p = 0; p < pixels; ++p) sums[p] = shift;
  for (std::size_t l = 0; l < row.lines.size(); ++l) {
    const float* const x = row.lines[l] + at * channels + c;
    V image[kImage];
#pragma GCC unroll 32
    for (std::int64_t i = 0; i < kImage; ++i) {
      const bool is_inside = is_whole || (at + i >= 0 && at + i < width);
      image[i] = is_inside ? part.load(x + i * channels) : zero();
    }
#pragma GCC unroll 5
    for (std::int64_t k = 0; k < kernel; ++k) {
      const V weight = part.load(row.weights[l] + k * channels + c);
#pragma GCC unroll 8
      for (std::int64_t p = 0; p < pixels; ++p) {
        sums[p] = hn::MulAdd(image[p * stride + k], weight, sums[p]);
      }
    }
  }
#pragma GCC unroll 8
  for (std::int64_t p = 0; p < pixels; ++p) {
    part.store(clamped(sums[p], row.clamp.low, row.clamp.high), y + (first + p) * channels + c);
  }
}

// The last run may lie over the one before it: it makes the same numbers again.
template <std::int64_t kernel, std::int64_t stride, std::int64_t pixels>
HWY_NOINLINE void convolve_runs(const DepthwiseRow& row, float* y) {
  constexpr std::int64_t kImage = (pixels - 1) * stride + kernel;
  const std::int64_t results = row.columns.results;
  for_each_vector(row.channels, [&](std::int64_t c, auto part) HWY_ATTR {
    for (std::int64_t p = 0; p < results; p += pixels) {
      const std::int64_t first = std::min(p, results - pixels);
      const std::int64_t at = first * stride - row.pad;
      at >= 0 && at + kImage <= row.columns.image
          ? convolve_run<kernel, stride, pixels, true>(row, first, c, part, y)
          : convolve_run<kernel, stride, pixels, false>(row, first, c, part, y);
    }
  });
}

template <std::int64_t vectors, class Span>
HWY_INLINE void convolve_pixel(const DepthwiseRow& row, std::int64_t pixel, std::int64_t c,
                               Span part, float* y) {
  V sums[vectors];
#pragma GCC unroll 4
  for (std::int64_t v = 0; v < vectors; ++v) sums[v] = part.load(row.shift + c + v * lanes());
  for (std::size_t l = 0; l < row.lines.size(); ++l) {
    for (const Meeting& column : row.columns.forward[static_cast<std::size_t>(pixel)]) {
      const float* const x = row.lines[l] + column.at * row.channels + c;
      const float* const weight = row.weights[l] + column.weight * row.channels + c;
#pragma GCC unroll 4
      for (std::int64_t v = 0; v < vectors; ++v) {
        sums[v] = hn::MulAdd(part.load(x + v * lanes()), part.load(weight + v * lanes()), sums[v]);
      }
    }
  }
#pragma GCC unroll 4
  for (std::int64_t v = 0; v < vectors; ++v) {
    part.store(clamped(sums[v], row.clamp.low, row.clamp.high),
               y + pixel * row.channels + c + v * lanes());
  }
}

HWY_NOINLINE void convolve_any(const DepthwiseRow& row, std::int64_t pixel, float* y) {
  std::int64_t c = 0;
  for (; c + kVectors * lanes() <= row.channels; c += kVectors * lanes()) {
    convolve_pixel<kVectors>(row, pixel, c, Whole(), y);
  }
  for (; c + lanes() <= row.channels; c += lanes()) convolve_pixel<1>(row, pixel, c, Whole(), y);
  if (c < row.channels) convolve_pixel<1>(row, pixel, c, Part(row.channels - c), y);
}

// In as few runs as can be, all of one length.
template <std::int64_t kernel, std::int64_t stride, std::int64_t... rests>
void convolve_evenly(const DepthwiseRow& row, float* y,
                     std::integer_sequence<std::int64_t, rests...>) {
  static constexpr std::array kBy = {convolve_runs<kernel, stride, rests + 1>...};
  constexpr auto kLongest = static_cast<std::int64_t>(kBy.size());
  const std::int64_t runs = (row.columns.results + kLongest - 1) / kLongest;
  const std::int64_t pixels = (row.columns.results + runs - 1) / runs;
  kBy[static_cast<std::size_t>(pixels - 1)](row, y);
}

template <std::int64_t kernel, std::int64_t stride>
void convolve_window(const DepthwiseRow& row, float* y) {
  constexpr std::int64_t kLongest = kernel == 5 && stride == 2 ? kRun - kRun / 4 : kRun;
  convolve_evenly<kernel, stride>(row, y, std::make_integer_sequence<std::int64_t, kLongest>());
}

void depthwise_row(const DepthwiseRow& row, float* y) {
  const std::int64_t kernel = row.columns.kernel;
  const bool is_dense = row.dilation == 1 && (row.stride == 1 || row.stride == 2);
  if (is_dense && kernel == 3) {
    row.stride == 1 ? convolve_window<3, 1>(row, y) : convolve_window<3, 2>(row, y);
  } else if (is_dense && kernel == 5) {
    row.stride == 1 ? convolve_window<5, 1>(row, y) : convolve_window<5, 2>(row, y);
  } else {
    for (std::int64_t p = 0; p < row.columns.results; ++p) convolve_any(row, p, y);
  }
}

}  // namespace rockmate::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rockmate::cpu {
namespace {

HWY_EXPORT(depthwise_row);

}  // namespace

void depthwise_row(const DepthwiseRow& row, float* y) {
  HWY_DYNAMIC_DISPATCH(depthwise_row)(row, y);
}

}  // namespace rockmate::cpu
#endif
