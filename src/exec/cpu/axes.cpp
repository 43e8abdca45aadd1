#include "exec/cpu/axes.h"

#include <algorithm>
#include <array>

namespace rockmate::cpu {
namespace {

constexpr std::size_t kRank = 4;
// The axis of rows that is this axis of an image, and the other way round.
constexpr std::array<std::size_t, kRank> kInRows = {0, 3, 1, 2};
constexpr std::array<std::size_t, kRank> kInImage = {0, 2, 3, 1};

Shape permuted(const Shape& shape) {
  Shape result;
  for (const std::size_t axis : kInImage) result.push_back(shape[axis]);
  return result;
}

enum class Family { kNone, kElementwise, kAlongAxes, kReduction };

Family family_of(OpKind kind) {
  using enum OpKind;
  switch (kind) {
    case kConcat:
    case kSplit:
    case kSlice:
    case kSliceGradient:
    case kPad:
    case kSoftmax:
    case kLogSoftmax:
    case kSoftmaxGradient:
    case kLogSoftmaxGradient:
    case kReduceExtremumGradient:
      return Family::kAlongAxes;
    case kReduceSum:
    case kReduceMean:
    case kReduceMax:
    case kReduceMin:
      return Family::kReduction;
    case kExpand:
    case kCast:
    case kWhere:
    case kElu:
    case kEluGradient:
    case kSoftplus:
    case kPow:
    case kPowGradient:
    case kLog:
    case kSin:
    case kSinGradient:
    case kCos:
    case kCosGradient:
    case kEqual:
    case kLess:
    case kLessOrEqual:
    case kGreater:
    case kGreaterOrEqual:
    case kNot:
    case kAnd:
    case kOr:
      return Family::kElementwise;
    default:
      return Family::kNone;
  }
}

// The type in rows; a smaller tensor is broadcast.
std::optional<TensorType> renamed(TensorType type) {
  if (type.shape.size() > kRank) return std::nullopt;
  const bool is_last = type.format == MemoryFormat::kChannelsLast;
  while (type.shape.size() < kRank) type.shape.insert(type.shape.begin(), 1);
  // With one channel or one pixel, both orders are one.
  const bool is_both = type.shape[1] == 1 || type.shape[2] * type.shape[3] == 1;
  if (!is_last && !is_both) return std::nullopt;
  return TensorType{type.dtype, permuted(type.shape)};
}

// The result of a reduction, whose axes may be gone.
std::optional<TensorType> renamed_result(const TensorType& type, const Attributes& attributes) {
  if (type.shape.size() == kRank) return renamed(type);
  const auto& axes = attributes.integers("axes");
  const auto is_kept = [&](std::int64_t axis) {
    return std::find(axes.begin(), axes.end(), axis) == axes.end();
  };
  // Rows have the channels last.
  if (is_kept(1) && (is_kept(2) || is_kept(3))) return std::nullopt;
  return type;
}

Attributes renamed(const Attributes& attributes) {
  Attributes result;
  for (const auto& [name, value] : attributes) {
    const auto* list = std::get_if<std::vector<std::int64_t>>(&value);
    if (name == "axis") {
      result.set(name, static_cast<std::int64_t>(
                           kInRows[static_cast<std::size_t>(std::get<std::int64_t>(value))]));
    } else if (name == "axes") {
      std::vector<std::int64_t> axes;
      for (const std::int64_t a : *list) {
        axes.push_back(static_cast<std::int64_t>(kInRows[static_cast<std::size_t>(a)]));
      }
      std::sort(axes.begin(), axes.end());
      result.set(name, axes);
    } else if (list != nullptr && list->size() == kRank && name != "sizes") {
      result.set(name, permuted(*list));
    } else {
      result.set(name, value);
    }
  }
  return result;
}

}  // namespace

std::optional<RenamedKernel> in_rows(const KernelSpec& spec) {
  const auto is_last = [](const TensorType& t) { return t.format == MemoryFormat::kChannelsLast; };
  const Family family = family_of(spec.kernel.kind);
  if (family == Family::kNone) return std::nullopt;
  if (std::none_of(spec.inputs.begin(), spec.inputs.end(), is_last) &&
      std::none_of(spec.outputs.begin(), spec.outputs.end(), is_last)) {
    return std::nullopt;
  }
  RenamedKernel result;
  result.kernel.kind = spec.kernel.kind;
  result.kernel.attributes = renamed(spec.kernel.attributes);
  for (const TensorType& type : spec.inputs) {
    const bool may_grow = family == Family::kElementwise;
    if (!may_grow && type.shape.size() != kRank) return std::nullopt;
    const auto input = renamed(type);
    if (!input) return std::nullopt;
    result.inputs.push_back(*input);
  }
  for (const TensorType& type : spec.outputs) {
    const auto output =
        family == Family::kReduction ? renamed_result(type, spec.kernel.attributes) : renamed(type);
    if (!output) return std::nullopt;
    result.outputs.push_back(*output);
  }
  return result;
}

}  // namespace rockmate::cpu
