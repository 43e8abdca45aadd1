// A window over an image, as a list of taps: from position t of the lattice of results, tap j reads
// the image at t * step + offset_j along each axis. Result t lies at first + t * spacing.
//
// A convolution is one such lattice, with step = stride and offset = k * dilation - pad. A
// transposed one is a lattice for each residue of the result's position modulo the stride: only the
// weights of that residue meet an element there, and these do so with step 1.
//
//   stride 2, kernel 3:    result  0 1 2 3 4 5      residue 0 takes the weights 0 and 2,
//                          image   0   1   2        residue 1 the weight 1
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "exec/reference/kernel.h"

namespace rockmate::reference {

/// Spatial axes that the engine's kernels are written for.
inline constexpr std::size_t kMostAxes = 6;
using Position = std::array<std::int64_t, kMostAxes>;

struct Tap {
  std::int64_t index = 0;  ///< in the window, row-major
  Position offset = {};
};

struct Lattice {
  std::size_t rank = 0;
  Position counts = {}, first = {}, spacing = {}, step = {};
  std::vector<Tap> taps = {};
  [[nodiscard]] std::int64_t positions() const {
    std::int64_t product = 1;
    for (std::size_t d = 0; d < rank; ++d) product *= counts[d];
    return product;
  }
};

/// What slides: attributes "strides", "pads", "dilations".
struct Window {
  Window(const KernelView& kernel, Shape extents);
  [[nodiscard]] std::size_t rank() const { return extents.size(); }
  Shape extents;
  std::vector<std::int64_t> strides, pads, dilations;
};

/// For each result of a convolution or pooling, the elements of the image that it reads.
[[nodiscard]] Lattice forward_lattice(const Window& window, const Shape& result);
/// For each element of the result of a transposed convolution; lattices without positions are left
/// out, those without taps are not.
[[nodiscard]] std::vector<Lattice> transposed_lattices(const Window& window, const Shape& result);

[[nodiscard]] inline Shape spatial(const Shape& shape) { return {shape.begin() + 2, shape.end()}; }

/// Calls body(i, t, n) for the stretches along the innermost axis that make up the positions first,
/// ..., first + count - 1 of a sequence of images: i counts from 0, `image` and t say where the
/// stretch begins, and n how long it is.
template <class F>
void for_each_stretch(const Lattice& lattice, std::int64_t first, std::int64_t count,
                      const F& body) {
  const std::size_t last = lattice.rank - 1;
  for (std::int64_t i = 0; i < count;) {
    Position t = {};
    std::int64_t rest = first + i;
    for (std::size_t d = lattice.rank; d-- > 0; rest /= lattice.counts[d]) {
      t[d] = rest % lattice.counts[d];
    }
    const std::int64_t n = std::min(count - i, lattice.counts[last] - t[last]);
    body(i, rest, t, n);
    i += n;
  }
}

/// Sends what a tap reads, from position t on and n positions far along the innermost axis, to
/// sink(i, element); zeros outside the image.
template <class T, class F>
void read_tap(const Lattice& lattice, const Tap& tap, const T* image, const Shape& extents,
              const Position& t, std::int64_t n, const F& sink) {
  const std::size_t last = lattice.rank - 1;
  std::int64_t line = 0;
  bool inside = true;
  for (std::size_t d = 0; d < last; ++d) {
    const std::int64_t at = t[d] * lattice.step[d] + tap.offset[d];
    inside = inside && at >= 0 && at < extents[d];
    line = line * extents[d] + at;
  }
  const std::int64_t step = lattice.step[last];
  const std::int64_t begin = t[last] * step + tap.offset[last];
  // Positions low to high - 1 lie within the line.
  const std::int64_t length = extents[last];
  const std::int64_t before = begin < 0 ? (-begin + step - 1) / step : 0;
  const std::int64_t until = begin < length ? (length - begin + step - 1) / step : 0;
  const std::int64_t low = inside ? std::min(n, before) : n;
  const std::int64_t high = inside ? std::clamp(until, low, n) : n;
  for (std::int64_t i = 0; i < low; ++i) sink(i, T(0));
  if (low < high) {
    const T* source = image + line * length + begin;
    for (std::int64_t i = low; i < high; ++i) sink(i, source[i * step]);
  }
  for (std::int64_t i = high; i < n; ++i) sink(i, T(0));
}

}  // namespace rockmate::reference
