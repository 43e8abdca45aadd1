#include "exec/cpu/broadcast.h"

namespace rockmate::cpu {
namespace {

// The axes of a shape, innermost first, in the order in which its tensor lies.
std::vector<std::size_t> order_of(std::size_t rank, MemoryFormat format) {
  std::vector<std::size_t> order;
  const bool channels_last = format == MemoryFormat::kChannelsLast && rank > 2;
  if (channels_last) order.push_back(1);
  for (std::size_t a = rank; a-- > 0;) {
    if (a != 1 || !channels_last) order.push_back(a);
  }
  return order;
}

// Distances along the axes of a result of that rank; 0 where the operand is repeated.
Shape strides_of(const TensorType& operand, std::size_t rank) {
  Shape strides(rank, 0);
  const std::size_t lead = rank - operand.shape.size();
  std::int64_t stride = 1;
  for (const std::size_t a : order_of(operand.shape.size(), operand.format)) {
    if (operand.shape[a] != 1) strides[lead + a] = stride;
    stride *= operand.shape[a];
  }
  return strides;
}

}  // namespace

std::optional<Broadcast> Broadcast::of(const TensorType& result,
                                       const std::vector<TensorType>& operands) {
  const std::size_t rank = result.shape.size();
  std::vector<Shape> strides;
  for (const TensorType& operand : operands) strides.push_back(strides_of(operand, rank));
  Broadcast space;
  for (const std::size_t a : order_of(rank, result.format)) {
    if (result.shape[a] == 1) continue;
    Axis axis = {result.shape[a], {}};
    for (std::size_t o = 0; o < operands.size(); ++o) axis.strides[o] = strides[o][a];
    if (space.axes_.empty()) {
      space.axes_.push_back(axis);
      continue;
    }
    Axis& inner = space.axes_.back();
    bool merges = true;
    for (std::size_t o = 0; o < operands.size(); ++o) {
      merges = merges && axis.strides[o] == inner.strides[o] * inner.extent;
    }
    if (merges) {
      inner.extent *= axis.extent;
    } else {
      space.axes_.push_back(axis);
    }
  }
  if (space.axes_.empty()) space.axes_.push_back({1, {}});
  for (const std::int64_t stride : space.axes_[0].strides) {
    if (stride > 1) return std::nullopt;
  }
  while (space.axes_.size() < 2) space.axes_.push_back({1, {}});
  for (std::size_t a = 1; a < space.axes_.size(); ++a) space.rows_ *= space.axes_[a].extent;
  if (space.axes_[0].extent == 0) space.rows_ = 0;
  return space;
}

Broadcast::Offsets Broadcast::offsets(std::int64_t row) const {
  Offsets result = {};
  for (std::size_t a = 1; a < axes_.size(); ++a) {
    const std::int64_t digit = row % axes_[a].extent;
    row /= axes_[a].extent;
    for (std::size_t o = 0; o < kMostOperands; ++o) result[o] += digit * axes_[a].strides[o];
  }
  return result;
}

}  // namespace rockmate::cpu
