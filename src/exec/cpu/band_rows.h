// Vectorized pieces of convolutions that run in bands of rows: 1 x 1 convolutions of some pixels,
// channels last. Weights lie in blocks of 16 channels of the result, [block][input][16], with zeros
// behind the last channel, so that a register of sums takes a register of weights per input.
#pragma once

#include <cstdint>

#include "exec/cpu/channel_rows.h"

namespace rockmate::cpu {

inline constexpr std::int64_t kChannelBlock = 16;
[[nodiscard]] constexpr std::int64_t whole_blocks(std::int64_t channels) {
  return (channels + kChannelBlock - 1) / kChannelBlock * kChannelBlock;
}

struct PixelProduct {
  std::int64_t in, out;  ///< channels
  const float* weights;  ///< in blocks
  const float* shift;    ///< of `whole_blocks(out)` channels
  Clamp clamp;
};

/// y[p][o] = clamp(shift[o] + the sum over i of x[p][i] * weight[o][i] + addend[p][o]); `addend`
/// may be null, and y lie on it. The sum runs from the first input to the last: a pixel's bits do
/// not depend on those with which it is computed.
void multiply_pixels(const PixelProduct& by, const float* x, std::int64_t pixels,
                     const float* addend, float* y);

/// The same without an addend, where x[p][i] is lines[offsets[i] + p].
void multiply_lines(const PixelProduct& by, const float* lines, const std::int64_t* offsets,
                    std::int64_t pixels, float* y);

/// Brings weights [out][in][window] into blocks of out and inputs [window][in]; each row times
/// scale[o].
void pack_blocks(const float* weights, const float* scale, std::int64_t out, std::int64_t in,
                 std::int64_t window, float* blocks);

}  // namespace rockmate::cpu
