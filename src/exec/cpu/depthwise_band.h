// A row of a depthwise convolution, channels last, from rows of the image that lie anywhere: in a
// ring, for one.
#pragma once

#include <cstdint>
#include <span>

#include "exec/cpu/channel_rows.h"
#include "exec/cpu/windows.h"

namespace rockmate::cpu {

struct DepthwiseRow {
  std::span<const float* const> lines;    ///< rows of the image that the window meets
  std::span<const float* const> weights;  ///< for each of them, [column of the window][channel]
  const float* shift;                     ///< per channel
  const WindowAxis& columns;
  std::int64_t stride, pad, dilation;  ///< of the columns
  std::int64_t channels;
  Clamp clamp;
};

/// y[column][c] = clamp(shift[c] + the sum over the window), row by row of the window.
void depthwise_row(const DepthwiseRow& row, float* y);

}  // namespace rockmate::cpu
