// Vectorized pieces of grouped convolutions of channels-last images, where several groups fit into
// a vector. A plane holds pixels of the source, each a vector of channels, and its pads. An operand
// is such a pixel spread over its groups: each lane has entry e (a channel) of its own group. It
// meets the weights of that entry, at all positions of the window that are neighbours.
#pragma once

#include <cstdint>
#include <span>

#include "exec/cpu/channel_rows.h"

namespace rockmate::cpu {

/// Of a vector of the instruction set that is in use.
[[nodiscard]] std::int64_t group_lanes();

/// Deals the channels of pixels to planes, a vector to each; the last may have fewer, and 0 behind
/// them.
struct DealtPixels {
  std::int64_t pixels = 0, channels = 0;
  std::int64_t pixel_step = 0;  ///< of x, floats
  std::int64_t plane_step = 0;  ///< floats
};
void deal_pixels(const float* x, const DealtPixels& dealt, float* planes);

/// Positions of the window, as many as `count`, that meet neighbouring pixels of the plane.
struct GroupTaps {
  std::int64_t plane = 0;        ///< the first of them, floats from a result's first pixel
  std::int64_t count = 1;        ///< at most kMostGroupTaps
  std::int64_t weight = 0;       ///< vectors of weights of its entries, one behind another
  std::int64_t weight_step = 0;  ///< to those of the next position
};
inline constexpr std::int64_t kMostGroupTaps = 3;

struct GroupRow {
  std::span<const GroupTaps> taps;
  std::int64_t entries = 0;  ///< 2 or 4, and fewer than lanes
  std::int64_t pixels = 1;   ///< of the plane from one of the result to the next
  const float* weights = nullptr;
  const float* shift = nullptr;  ///< a vector
  Clamp clamp;
  std::int64_t channels = 0;  ///< of the result: lanes that are in use
  std::int64_t y_step = 0;
};
/// y = clamp(shift + the sum over taps and entries of operand * weight), for so many pixels in a
/// row. A pixel's bits do not depend on those with which it is computed.
void convolve_groups(const GroupRow& row, const float* plane, std::int64_t count, float* y);

/// Rows of pixels of a result, and the pixels of a plane that they meet at neighbouring positions.
struct GroupProducts {
  std::int64_t rows = 0, count = 0;
  std::int64_t channels = 0;             ///< of dy: lanes that are in use
  std::int64_t dy_row = 0, dy_step = 0;  ///< floats
  std::int64_t plane_row = 0;            ///< floats from the plane's row to that of the next
  std::int64_t pixels = 1;               ///< as above
  std::int64_t taps = 1;                 ///< at most kMostGroupTaps
  std::int64_t entries = 0;
};
/// Vector taps * entries of sums += the sum over pixels of dy * operand.
void add_group_products(const GroupProducts& of, const float* dy, const float* plane, float* sums);

}  // namespace rockmate::cpu
