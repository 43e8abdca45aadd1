// Vectorized pooling of a row or a pixel of a channels-last image: a window's pixels are spans of
// channels.
#pragma once

#include <cstdint>
#include <span>

#include "exec/cpu/windows.h"

namespace rockmate::cpu {

/// Where a pixel of one side meets pixels of the other: at all of `rows` times all of `columns`.
struct PixelTaps {
  std::span<const Meeting> rows, columns;
  std::int64_t width = 0;  ///< pixels in a row of the other side
  std::int64_t channels = 0;
  std::int64_t window = 0;  ///< columns of the window, in which positions are counted row by row

  /// In elements.
  [[nodiscard]] std::int64_t offset(const Meeting& row, const Meeting& column) const {
    return (row.at * width + column.at) * channels;
  }
  [[nodiscard]] std::int32_t position(const Meeting& row, const Meeting& column) const {
    return static_cast<std::int32_t>(row.weight * window + column.weight);
  }
};

/// A row of a max pooling, from rows of channels of the image that lie anywhere.
struct MaxRow {
  std::span<const float* const> lines;  ///< rows that the window meets
  std::span<const std::int64_t> rows;   ///< for each of them, its position in the window
  const WindowAxis& columns;
  std::int64_t channels;
  std::int64_t result_channels;  ///< among which they are in the result
};

/// y[column][c] = the largest of the window; the first of equals wins, NaN over all; `indices`,
/// unless null, are the winners' positions, counted row by row.
void max_row(const MaxRow& row, float* y, std::uint8_t* indices);

/// dx[c] = the sum of dy[offset + c] where the position is that at indices[offset + c].
void max_pixel_gradient(const float* dy, const std::uint8_t* indices, const PixelTaps& taps,
                        float* dx);

/// y[c] = factor * the sum of x[offset + c]; rows are summed first.
void sum_pixel(const float* x, const PixelTaps& taps, float factor, float* y);

/// dx[c] = the sum of dy[offset + c] times the factor of the pixel there.
void weighted_pixel(const float* dy, const PixelTaps& taps, const float* factors, float* dx);

}  // namespace rockmate::cpu
