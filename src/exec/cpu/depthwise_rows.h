// Vectorized pieces of depthwise convolutions of channels-last images: each channel has a window of
// its own, so all of them run side by side. Weights lie as [position in the window][channel].
#pragma once

#include "exec/cpu/pool_rows.h"

namespace rockmate::cpu {

/// Pixels of a result that meet the other side alike, but for a constant distance.
struct PixelRun {
  std::int64_t count = 1;  ///< 1 or kPixelRun
  std::int64_t from = 0;   ///< elements between the first taps of neighbours
  std::int64_t to = 0;     ///< elements between neighbours in y
};
inline constexpr std::int64_t kPixelRun = 4;

/// y[c] = bias[c] + the sum over taps of x[offset + c] * weights[position][c], for each pixel of
/// the run; `bias` may be null. A pixel's bits do not depend on the run in which it stands.
void depthwise_pixels(const float* x, const PixelTaps& taps, const PixelRun& run,
                      const float* weights, const float* bias, float* y);

/// sums[c] += the sum over j < count of a[j * a_step + c] * b[j * b_step + c].
void add_products(const float* a, std::int64_t a_step, const float* b, std::int64_t b_step,
                  std::int64_t count, std::int64_t channels, float* sums);

}  // namespace rockmate::cpu
