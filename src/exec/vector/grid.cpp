#include "exec/vector/grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace rockmate::vector {
namespace {

struct Window {
  Window(const KernelView& kernel, const Shape& extents)
      : strides(kernel.attributes.integers("strides")),
        pads(kernel.attributes.integers("pads")),
        dilations(kernel.attributes.find("dilations") == nullptr
                      ? std::vector<std::int64_t>(extents.size(), 1)
                      : kernel.attributes.integers("dilations")) {
    if (extents.size() > ve::kMostAxes) {
      kernel.reject(fmt::format("{} spatial axes, the vector engine takes at most {}",
                                extents.size(), ve::kMostAxes));
    }
  }
  std::vector<std::int64_t> strides, pads, dilations;
};

// `image` and `result` with batch and channels.
ve::Grid make_grid(const Shape& image, const Shape& result) {
  ve::Grid grid = {};
  grid.rank = static_cast<int>(image.size()) - 2;
  grid.pixels = extent(image, 2, image.size());
  grid.results = extent(result, 2, result.size());
  std::copy(image.begin() + 2, image.end(), grid.image);
  std::copy(result.begin() + 2, result.end(), grid.result);
  return grid;
}

void finish(ve::Grid& grid) {
  grid.positions = 1;
  grid.is_plain = true;
  for (int d = 0; d < grid.rank; ++d) {
    grid.positions *= grid.counts[d];
    grid.is_plain = grid.is_plain && grid.step[d] == 1 && grid.counts[d] == grid.image[d];
  }
}

}  // namespace

ve::Grid forward_grid(const KernelView& kernel, const Shape& window, const Shape& image,
                      const Shape& result) {
  const Window w(kernel, window);
  ve::Grid grid = make_grid(image, result);
  long stride = element_count(window);
  for (std::size_t d = 0; d < window.size(); ++d) {
    stride /= std::max<long>(1, window[d]);
    grid.counts[d] = result[d + 2];
    grid.spacing[d] = 1;
    grid.step[d] = w.strides[d];
    grid.taps[d] = {window[d], 0, stride, -w.pads[d], w.dilations[d]};
  }
  finish(grid);
  return grid;
}

std::vector<ve::Grid> transposed_grids(const KernelView& kernel, const Shape& window,
                                       const Shape& image, const Shape& result) {
  const Window w(kernel, window);
  std::vector<ve::Grid> grids;
  for (long residue = 0; residue < element_count(w.strides); ++residue) {
    ve::Grid grid = make_grid(image, result);
    long rest = residue;
    long weight_stride = element_count(window);
    for (std::size_t d = 0; d < window.size(); ++d) {
      const long stride = w.strides[d];
      const long first = rest % stride;
      rest /= stride;
      weight_stride /= std::max<long>(1, window[d]);
      grid.first[d] = first;
      grid.spacing[d] = stride;
      grid.step[d] = 1;
      grid.counts[d] = std::max<long>(0, ceil_div(result[d + 2] - first, stride));
      // Weight k meets this residue where first + pad - k dilation is a multiple of the stride:
      // every stride / gcd-th k, if any.
      const long period = stride / std::gcd(stride, w.dilations[d]);
      const auto distance = [&](long k) { return first + w.pads[d] - k * w.dilations[d]; };
      long k = 0;
      while (k < std::min(period, window[d]) && distance(k) % stride != 0) ++k;
      ve::AxisTaps& taps = grid.taps[d];
      if (k < std::min(period, window[d])) {
        taps = {ceil_div(window[d] - k, period), k * weight_stride, period * weight_stride,
                distance(k) / stride, -period * w.dilations[d] / stride};
      }
    }
    finish(grid);
    if (grid.positions > 0) grids.push_back(grid);
  }
  return grids;
}

void cut_into_chunks(ve::Grid& grid, long batch) {
  // Whole images fill a register badly where they are small.
  grid.joins_images = grid.positions < kVectorLength && batch > 1;
  const long positions = grid.joins_images ? grid.positions * batch : grid.positions;
  grid.chunks = ceil_div(positions, kVectorLength);
  grid.chunk = ceil_div(positions, std::max<long>(1, grid.chunks));
}

long chunk_count(const ve::Grid& grid, long batch) {
  return grid.joins_images ? grid.chunks : grid.chunks * batch;
}

long tap_count(const ve::Grid& grid) {
  long count = 1;
  for (int d = 0; d < grid.rank; ++d) count *= grid.taps[d].count;
  return count;
}

}  // namespace rockmate::vector
