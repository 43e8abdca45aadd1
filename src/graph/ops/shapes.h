// Checks and shape arithmetic that several families share. All reject with the op's name, what was
// found and what was expected.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/op_table.h"

namespace rockmate {

/// The type of input 0.
[[nodiscard]] Types same_type(const OpView& op);
/// The type of input 0, which must be floating.
[[nodiscard]] Types same_floating_type(const OpView& op);

void require_floating(const OpView& op, std::size_t input);
void require_rank(const OpView& op, std::size_t input, std::size_t least);
/// `what` names the input in the message: "the bias".
void require_shape(const OpView& op, std::size_t input, const Shape& expected,
                   const std::string& what);
void require_same_dtype(const OpView& op, std::size_t a, std::size_t b);

/// numpy's rule: trailing axes are equal or one of them is 1.
[[nodiscard]] Shape broadcast(const OpView& op, const Shape& a, const Shape& b);

/// Attribute "axis", which must lie within `rank`.
[[nodiscard]] std::size_t axis_of(const OpView& op, std::size_t rank);
/// An attribute with one number per axis.
[[nodiscard]] const std::vector<std::int64_t>& per_axis(const OpView& op, std::string_view name,
                                                        std::size_t count);

/// How a window slides over the spatial axes of an image: attributes "strides", "pads" (all that
/// come before, then all after), "dilations".
struct Window {
  std::vector<std::int64_t> kernel, strides, before, after, dilations;
  [[nodiscard]] std::size_t rank() const { return kernel.size(); }
  /// Elements that the window spans along an axis.
  [[nodiscard]] std::int64_t span(std::size_t axis) const {
    return dilations[axis] * (kernel[axis] - 1) + 1;
  }
};
[[nodiscard]] Window window_of(const OpView& op, std::vector<std::int64_t> kernel);
/// Windows that fit along each spatial axis of an image. Rejects where none does.
[[nodiscard]] Shape window_counts(const OpView& op, const Window& window, const Shape& image,
                                  bool ceil_mode = false);

/// Of the extents from `begin` on, as a real number, for FLOPs.
[[nodiscard]] double product(const Shape& shape, std::size_t begin);
/// Elements as a real number, for FLOPs.
[[nodiscard]] double count(const TensorType& type);
[[nodiscard]] Bytes times(std::int64_t factor, Bytes bytes);

}  // namespace rockmate
