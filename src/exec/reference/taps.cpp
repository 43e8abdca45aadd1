#include "exec/reference/taps.h"

#include <fmt/format.h>

namespace rockmate::reference {
namespace {

// Adds one tap for each choice of one candidate (weight, offset) per axis, row-major.
struct Candidate {
  std::int64_t weight, offset;
};
std::vector<Tap> combine(const std::vector<std::vector<Candidate>>& axes, const Shape& extents) {
  std::vector<Tap> taps = {Tap{}};
  for (std::size_t d = 0; d < axes.size(); ++d) {
    std::vector<Tap> longer;
    for (const Tap& tap : taps) {
      for (const Candidate& candidate : axes[d]) {
        longer.push_back(tap);
        longer.back().index = tap.index * extents[d] + candidate.weight;
        longer.back().offset[d] = candidate.offset;
      }
    }
    taps = std::move(longer);
  }
  return taps;
}

}  // namespace

Window::Window(const KernelView& kernel, Shape window_extents)
    : extents(std::move(window_extents)),
      strides(kernel.attributes.integers("strides")),
      pads(kernel.attributes.integers("pads")),
      dilations(kernel.attributes.find("dilations") == nullptr
                    ? std::vector<std::int64_t>(extents.size(), 1)
                    : kernel.attributes.integers("dilations")) {
  if (rank() > kMostAxes) {
    kernel.reject(
        fmt::format("{} spatial axes, the reference engine takes at most {}", rank(), kMostAxes));
  }
}

Lattice forward_lattice(const Window& window, const Shape& result) {
  Lattice lattice{.rank = window.rank()};
  std::vector<std::vector<Candidate>> candidates(window.rank());
  for (std::size_t d = 0; d < window.rank(); ++d) {
    lattice.counts[d] = result[d + 2];
    lattice.spacing[d] = 1;
    lattice.step[d] = window.strides[d];
    for (std::int64_t k = 0; k < window.extents[d]; ++k) {
      candidates[d].push_back({k, k * window.dilations[d] - window.pads[d]});
    }
  }
  lattice.taps = combine(candidates, window.extents);
  return lattice;
}

std::vector<Lattice> transposed_lattices(const Window& window, const Shape& result) {
  std::vector<Lattice> lattices;
  const std::int64_t residues = element_count(window.strides);
  for (std::int64_t r = 0; r < residues; ++r) {
    Lattice lattice{.rank = window.rank()};
    std::vector<std::vector<Candidate>> candidates(window.rank());
    std::int64_t rest = r;
    for (std::size_t d = 0; d < window.rank(); ++d) {
      const std::int64_t stride = window.strides[d];
      const std::int64_t first = rest % stride;
      rest /= stride;
      lattice.first[d] = first;
      lattice.counts[d] = std::max<std::int64_t>(0, (result[d + 2] - first + stride - 1) / stride);
      lattice.spacing[d] = stride;
      lattice.step[d] = 1;
      for (std::int64_t k = 0; k < window.extents[d]; ++k) {
        const std::int64_t distance = first + window.pads[d] - k * window.dilations[d];
        if (distance % stride == 0) candidates[d].push_back({k, distance / stride});
      }
    }
    lattice.taps = combine(candidates, window.extents);
    if (lattice.positions() > 0) lattices.push_back(std::move(lattice));
  }
  return lattices;
}

}  // namespace rockmate::reference
