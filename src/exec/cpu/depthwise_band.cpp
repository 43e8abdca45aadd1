// Where a window of 3 or 5 columns meets the image with all of them, neighbouring pixels are
// computed side by side, so that an element of the image is loaded once for all windows of a row
// that hold it. Elsewhere several vectors of channels share the arithmetic of addresses.

#include "exec/cpu/depthwise_band.h"

#include <algorithm>

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

// So many pixels from `first` on, whose windows lie within the image; a vector of channels from c.
template <std::int64_t kernel, std::int64_t stride, std::int64_t pixels, class Span>
HWY_INLINE void convolve_run(const DepthwiseRow& row, std::int64_t first, std::int64_t c, Span part,
                             float* y) {
  constexpr std::int64_t kImage = (pixels - 1) * stride + kernel;
  const std::int64_t channels = row.channels;
  const std::int64_t at = row.columns.forward[static_cast<std::size_t>(first)].front().at;
  V sums[pixels];
  const V shift = part.load(row.shift + c);
#pragma GCC unroll 8
  for (std::int64_t p = 0; p < pixels; ++p) sums[p] = shift;
  for (std::size_t l = 0; l < row.lines.size(); ++l) {
    const float* const x = row.lines[l] + at * channels + c;
    V image[kImage];
#pragma GCC unroll 32
    for (std::int64_t i = 0; i < kImage; ++i) image[i] = part.load(x + i * channels);
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

// Pixels [first, end).
template <std::int64_t kernel, std::int64_t stride>
HWY_NOINLINE void convolve_inner(const DepthwiseRow& row, std::int64_t first, std::int64_t end,
                                 float* y) {
  constexpr std::int64_t kLong = kernel == 5 && stride == 2 ? kRun - kRun / 4 : kRun;
  for_each_vector(row.channels, [&](std::int64_t c, auto part) HWY_ATTR {
    std::int64_t p = first;
    for (; p + kLong <= end; p += kLong) convolve_run<kernel, stride, kLong>(row, p, c, part, y);
    for (; p + 3 <= end; p += 3) convolve_run<kernel, stride, 3>(row, p, c, part, y);
    for (; p < end; ++p) convolve_run<kernel, stride, 1>(row, p, c, part, y);
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

using Inner = void (*)(const DepthwiseRow&, std::int64_t, std::int64_t, float*);
Inner inner_of(const DepthwiseRow& row) {
  const std::int64_t kernel = row.columns.kernel;
  if (row.dilation != 1 || (kernel != 3 && kernel != 5)) return nullptr;
  if (row.stride == 1) return kernel == 3 ? convolve_inner<3, 1> : convolve_inner<5, 1>;
  if (row.stride == 2) return kernel == 3 ? convolve_inner<3, 2> : convolve_inner<5, 2>;
  return nullptr;
}

void depthwise_row(const DepthwiseRow& row, float* y) {
  const auto& windows = row.columns.forward;
  const auto is_whole = [&](const auto& window) {
    return static_cast<std::int64_t>(window.size()) == row.columns.kernel;
  };
  const auto first = std::find_if(windows.begin(), windows.end(), is_whole);
  const auto end = std::find_if_not(first, windows.end(), is_whole);
  const Inner inner = inner_of(row);
  const std::int64_t left = inner != nullptr ? first - windows.begin() : row.columns.results;
  for (std::int64_t p = 0; p < left; ++p) convolve_any(row, p, y);
  if (inner == nullptr) return;
  inner(row, left, end - windows.begin(), y);
  for (std::int64_t p = end - windows.begin(); p < row.columns.results; ++p) {
    convolve_any(row, p, y);
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
