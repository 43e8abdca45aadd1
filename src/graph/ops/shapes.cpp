#include "graph/ops/shapes.h"

#include <fmt/format.h>

#include <algorithm>

namespace rockmate {
namespace {

// Of kernels, strides, dilations and pads; with extents up to kLargestExtent nothing overflows.
constexpr std::int64_t kLargestWindow = std::int64_t{1} << 20;

}  // namespace

Types same_type(const OpView& op) { return {op.input(0)}; }

Types same_floating_type(const OpView& op) {
  require_floating(op, 0);
  return {op.input(0)};
}

void require_floating(const OpView& op, std::size_t input) {
  if (!is_floating(op.input(input).dtype)) {
    op.reject(fmt::format("input {} is {}, expected floating-point elements", input,
                          to_string(op.input(input))));
  }
}

void require_rank(const OpView& op, std::size_t input, std::size_t least) {
  if (op.rank(input) < least) {
    op.reject(fmt::format("input {} has the shape {}, expected at least {} axes", input,
                          to_string(op.shape(input)), least));
  }
}

void require_shape(const OpView& op, std::size_t input, const Shape& expected,
                   const std::string& what) {
  if (op.shape(input) != expected) {
    op.reject(fmt::format("{} has the shape {}, expected {}", what, to_string(op.shape(input)),
                          to_string(expected)));
  }
}

void require_same_dtype(const OpView& op, std::size_t a, std::size_t b) {
  if (op.input(a).dtype != op.input(b).dtype) {
    op.reject(fmt::format("inputs {} and {} are {} and {}, expected one dtype (cast one of them)",
                          a, b, to_string(op.input(a).dtype), to_string(op.input(b).dtype)));
  }
}

Shape broadcast(const OpView& op, const Shape& a, const Shape& b) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape result = longer;
  const std::size_t lead = longer.size() - shorter.size();
  for (std::size_t i = 0; i < shorter.size(); ++i) {
    std::int64_t& extent = result[lead + i];
    if (extent == shorter[i] || shorter[i] == 1) continue;
    if (extent != 1) {
      op.reject(
          fmt::format("the shapes {} and {} do not broadcast: expected each axis, from the "
                      "last, to be equal or 1",
                      to_string(a), to_string(b)));
    }
    extent = shorter[i];
  }
  return result;
}

std::size_t axis_of(const OpView& op, std::size_t rank) {
  const std::int64_t axis = op.attributes.integer("axis");
  if (axis < 0 || axis >= static_cast<std::int64_t>(rank)) {
    op.reject(fmt::format("axis is {}, expected 0 <= axis < {}", axis, rank));
  }
  return static_cast<std::size_t>(axis);
}

const std::vector<std::int64_t>& per_axis(const OpView& op, std::string_view name,
                                          std::size_t count) {
  const auto& list = op.attributes.integers(name);
  if (list.size() != count) {
    op.reject(fmt::format("{} has {} numbers, expected {}", name, list.size(), count));
  }
  return list;
}

Window window_of(const OpView& op, std::vector<std::int64_t> kernel) {
  const std::size_t n = kernel.size();
  Window window;
  window.kernel = std::move(kernel);
  window.strides = per_axis(op, "strides", n);
  const auto& pads = per_axis(op, "pads", 2 * n);
  const auto middle = pads.begin() + static_cast<std::ptrdiff_t>(n);
  window.before.assign(pads.begin(), middle);
  window.after.assign(middle, pads.end());
  window.dilations = op.attributes.find("dilations") == nullptr ? std::vector<std::int64_t>(n, 1)
                                                                : per_axis(op, "dilations", n);
  const auto check = [&](std::string_view what, const std::vector<std::int64_t>& list,
                         std::int64_t least) {
    for (const std::int64_t x : list) {
      if (x >= least && x <= kLargestWindow) continue;
      op.reject(fmt::format("{} {}: expected numbers from {} to {}", what, to_string(list), least,
                            kLargestWindow));
    }
  };
  check("kernel", window.kernel, 1);
  check("strides", window.strides, 1);
  check("dilations", window.dilations, 1);
  check("pads", pads, 0);
  return window;
}

Shape window_counts(const OpView& op, const Window& window, const Shape& image, bool ceil_mode) {
  Shape counts(window.rank());
  for (std::size_t d = 0; d < counts.size(); ++d) {
    const std::int64_t padded = image[d + 2] + window.before[d] + window.after[d];
    const std::int64_t room = padded - window.span(d);
    if (room < 0) {
      op.reject(
          fmt::format("the window spans {} elements of spatial axis {}, expected at most {} "
                      "(input {}, padding included)",
                      window.span(d), d, padded, to_string(image)));
    }
    const std::int64_t stride = window.strides[d];
    counts[d] = room / stride + 1;
    // A last, incomplete window must not begin in the padding behind the image.
    if (ceil_mode && room % stride != 0 && counts[d] * stride < image[d + 2] + window.before[d]) {
      ++counts[d];
    }
  }
  return counts;
}

double product(const Shape& shape, std::size_t begin) {
  double result = 1;
  for (std::size_t i = begin; i < shape.size(); ++i) result *= static_cast<double>(shape[i]);
  return result;
}

double count(const TensorType& type) { return static_cast<double>(element_count(type.shape)); }

Bytes times(std::int64_t factor, Bytes bytes) { return Bytes(factor * bytes.count()); }

}  // namespace rockmate
