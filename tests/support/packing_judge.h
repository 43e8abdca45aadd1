// A naive judge of packings: it shares nothing with the packer but the types.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "schedule/packing.h"

namespace rockmate::testing {

// The naive judge: all pairs. Empty when the packing is sound.
[[nodiscard]] inline std::string complaint(const std::vector<PackItem>& items,
                                           const Packing& packing) {
  if (packing.offsets.size() != items.size()) return "not one offset per item";
  Bytes height;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Bytes offset = packing.offsets[i], end = offset + items[i].size;
    if (offset < Bytes()) return "negative offset of item " + std::to_string(i);
    height = std::max(height, end);
    for (std::size_t j = 0; j < i; ++j) {
      const bool same_time =
          std::max(items[i].begin, items[j].begin) < std::min(items[i].end, items[j].end);
      const bool same_place =
          std::max(offset, packing.offsets[j]) < std::min(end, packing.offsets[j] + items[j].size);
      if (same_time && same_place) return std::to_string(i) + " overlaps " + std::to_string(j);
    }
  }
  if (height != packing.height) return "the height is not the highest end";
  return {};
}

}  // namespace rockmate::testing
