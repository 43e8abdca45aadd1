#include "exec/reference/strided.h"

#include <numeric>

namespace rockmate::reference {

Strides row_major(const Shape& shape) {
  Strides strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t a = shape.size(); a-- > 0;) {
    strides[a] = stride;
    stride *= shape[a];
  }
  return strides;
}

Strides broadcast_strides(const Shape& shape, const Shape& to) {
  const Strides own = row_major(shape);
  const std::size_t lead = to.size() - shape.size();
  Strides strides(to.size(), 0);
  for (std::size_t a = 0; a < shape.size(); ++a) strides[lead + a] = shape[a] == 1 ? 0 : own[a];
  return strides;
}

StridedSpace::StridedSpace(const Shape& shape, std::vector<Strides> operands)
    : operands_(operands.size()) {
  for (std::size_t a = 0; a < shape.size(); ++a) {
    if (shape[a] == 1) continue;
    bool merges = !extents_.empty();
    for (std::size_t o = 0; merges && o < operands.size(); ++o) {
      merges = operands_[o].back() == operands[o][a] * shape[a];
    }
    if (merges) {
      extents_.back() *= shape[a];
      for (std::size_t o = 0; o < operands.size(); ++o) operands_[o].back() = operands[o][a];
    } else {
      extents_.push_back(shape[a]);
      for (std::size_t o = 0; o < operands.size(); ++o) operands_[o].push_back(operands[o][a]);
    }
  }
  if (extents_.empty()) {
    extents_.push_back(1);
    for (Strides& strides : operands_) strides.push_back(0);
  }
  inner_ = extents_.back();
  rows_ =
      std::accumulate(extents_.begin(), extents_.end() - 1, std::int64_t{1}, std::multiplies<>());
}

StridedSpace::Offsets StridedSpace::offsets(std::int64_t row, std::int64_t column) const {
  Offsets result = {};
  for (std::size_t o = 0; o < operands_.size(); ++o) result[o] = column * operands_[o].back();
  for (std::size_t a = extents_.size() - 1; a-- > 0;) {
    const std::int64_t digit = row % extents_[a];
    row /= extents_[a];
    for (std::size_t o = 0; o < operands_.size(); ++o) result[o] += digit * operands_[o][a];
  }
  return result;
}

}  // namespace rockmate::reference
