// The transforms of Winograd's algorithm F(4 x 4, 3 x 3) on channels-last images: a tile of 4 x 4
// results of a 3 x 3 convolution comes from 6 x 6 pixels by 36 products instead of 144.
//
//   y = A' [ (G w G') * (B' x B) ] A      S. Winograd, 1980; A. Lavin, S. Gray, CVPR 2016
//
// and the gradient of the weight is what that is transposed: G' [ (A dy A') * (B' x B) ] G. The
// sums over channels, or over tiles, between the transforms are 36 products of matrices.
// Transformed numbers lie point by point: number c of point p at [p * stride + c].
//
// The points are 0, 5/8, -5/8, 3/2, -3/2 and infinity, which round less than 0, 1, -1, 2, -2 and
// infinity: B. Barabasz, A. Anderson, K. Soodhalter, D. Gregg, "Error Analysis and Improving the
// Accuracy of Winograd Convolution for Deep Neural Networks", 2020.
#pragma once

#include <cstdint>

#include "exec/cpu/channel_rows.h"

namespace rockmate::cpu {

inline constexpr std::int64_t kWinogradPoints = 36;
inline constexpr std::int64_t kWinogradWindow = 9;  ///< numbers of a window of a weight

/// Channels of one channels-last image whose pixels are `step` numbers apart, and the pixel with
/// which a tile of it begins, which may lie outside.
struct TilePlace {
  std::int64_t height = 0, width = 0, step = 0, channels = 0;
  std::int64_t row = 0, column = 0;
};

/// B' x B of 6 x 6 pixels; those outside of the image are 0.
void winograd_input(const float* x, const TilePlace& place, float* to, std::int64_t stride);

/// A dy A' of 4 x 4 pixels; those outside of the image are 0.
void winograd_spread(const float* dy, const TilePlace& place, float* to, std::int64_t stride);

/// What is done to results: y = clamp(result + shift[channel] + addend). Both may be null.
struct WinogradFinish {
  const float* shift = nullptr;
  const float* addend = nullptr;  ///< an image as y is; it may be y
  Clamp clamp = {};
};
/// The 4 x 4 results of a tile, as far as they lie in the image.
void winograd_output(const float* from, std::int64_t stride, const WinogradFinish& finish,
                     const TilePlace& place, float* y);

/// A weight as a matrix of 3 x 3 windows: window (row, column) is the nine numbers at
/// w[row * row_step + column * column_step].
struct WinogradWeight {
  const float* w = nullptr;
  std::int64_t rows = 0, columns = 0;
  std::int64_t row_step = 0, column_step = 0;
  bool flips = false;            ///< windows are read from their end
  const float* scale = nullptr;  ///< one factor per column; may be null
};
/// G w G' of the rows [begin, end) of the matrix.
void winograd_weight(const WinogradWeight& weight, std::int64_t begin, std::int64_t end, float* to);

/// G' p G of `count` windows, where p is the sum of `parts` ones, `part_step` apart.
void winograd_weight_gradient(const float* from, std::int64_t stride, std::int64_t parts,
                              std::int64_t part_step, std::int64_t count, float* dw);

}  // namespace rockmate::cpu
