#include "exec/vector/space.h"

#include <algorithm>

namespace rockmate::vector {

std::vector<MergedAxis> merged_axes(const Shape& shape, const std::vector<Strides>& operands) {
  std::vector<MergedAxis> axes;
  for (std::size_t a = 0; a < shape.size(); ++a) {
    if (shape[a] == 1) continue;
    MergedAxis axis{shape[a], {}};
    for (std::size_t o = 0; o < operands.size(); ++o) axis.strides[o] = operands[o][a];
    bool merges = !axes.empty();
    for (std::size_t o = 0; merges && o < operands.size(); ++o) {
      merges = axes.back().strides[o] == axis.strides[o] * axis.extent;
    }
    if (merges) axis.extent *= axes.back().extent;
    if (merges) axes.pop_back();
    axes.push_back(axis);
  }
  if (axes.empty()) axes.push_back({1, {}});
  return axes;
}

ve::Space make_space(const KernelView& kernel, const Shape& shape, std::vector<Strides> operands) {
  constexpr long kShort = 64;
  std::vector<MergedAxis> axes = merged_axes(shape, operands);
  if (axes.back().extent < kShort) {
    const auto longest = std::ranges::max_element(axes, {}, &MergedAxis::extent);
    if (longest->extent > 2 * axes.back().extent) std::rotate(longest, longest + 1, axes.end());
  }
  if (axes.size() > ve::kMostAxes) kernel.reject("more axes than the vector engine's kernels take");
  ve::Space space = {};
  space.rank = static_cast<int>(axes.size()) - 1;
  for (std::size_t a = 0; a + 1 < axes.size(); ++a) {
    space.extents[a] = axes[a].extent;
    for (std::size_t o = 0; o < 3; ++o) space.strides[o][a] = axes[a].strides[o];
  }
  space.length = axes.back().extent;
  for (std::size_t o = 0; o < 3; ++o) space.lane_strides[o] = axes.back().strides[o];
  return space;
}

long rows_of(const ve::Space& space) {
  long rows = space.length > 0 ? 1 : 0;
  for (int a = 0; a < space.rank; ++a) rows *= space.extents[a];
  return rows;
}

}  // namespace rockmate::vector
