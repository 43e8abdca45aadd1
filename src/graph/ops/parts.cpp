// Wholes and their parts: concat, split, slice.
//
// Attributes: axis (concat, split), sizes (split; slice, per axis), starts, steps (slice, per
// axis), shape (slice gradient).

#include <fmt/format.h>

#include <limits>

#include "graph/ops/families.h"
#include "graph/ops/shapes.h"

namespace rockmate {
namespace {

double no_flops(const OpView&, const Types&) { return 0; }

// What an op reads of its input is as much as it writes.
Bytes output_traffic(const OpView&, const Types& outputs) { return times(2, outputs[0].bytes()); }

Types infer_concat(const OpView& op) {
  Shape y = op.shape(0);
  const std::size_t axis = axis_of(op, y.size());
  for (std::size_t i = 1; i < op.inputs.size(); ++i) {
    require_same_dtype(op, 0, i);
    Shape expected = op.shape(0);
    if (op.rank(i) == expected.size()) expected[axis] = op.shape(i)[axis];
    require_shape(op, i, expected, fmt::format("part {}", i));
    y[axis] += op.shape(i)[axis];
  }
  return {{op.input(0).dtype, y}};
}

Attributes slice_attributes(const Shape& starts, const Shape& sizes) {
  return {{"starts", starts}, {"sizes", sizes}, {"steps", Shape(starts.size(), 1)}};
}

void concat_gradient(GradientScope& scope) {
  const auto axis = static_cast<std::size_t>(scope.node().attributes.integer("axis"));
  Shape starts(scope.shape(scope.output()).size(), 0);
  for (std::size_t i = 0; i < scope.node().inputs.size(); ++i) {
    const Shape part = scope.shape(scope.input(i));
    if (scope.wants(i)) {
      scope.contribute(i, scope.emit(fmt::format("part_{}_gradient", i), OpKind::kSlice,
                                     {scope.gradient()}, slice_attributes(starts, part)));
    }
    starts[axis] += part[axis];
  }
}

Types infer_split(const OpView& op) {
  const Shape& x = op.shape(0);
  const std::size_t axis = axis_of(op, x.size());
  Types parts;
  std::int64_t total = 0;
  for (const std::int64_t size : op.attributes.integers("sizes")) {
    if (size < 0 || size > x[axis]) {
      op.reject(fmt::format("a part of size {}, expected 0 <= size <= {}", size, x[axis]));
    }
    parts.push_back(op.input(0));
    parts.back().shape[axis] = size;
    total += size;
  }
  if (total != x[axis] || parts.empty()) {
    op.reject(fmt::format("the sizes add up to {}, expected {} (axis {} of {})", total, x[axis],
                          axis, to_string(x)));
  }
  return parts;
}

void split_gradient(GradientScope& scope) {
  std::vector<TensorId> parts;
  for (std::size_t i = 0; i < scope.node().outputs.size(); ++i) {
    const auto gradient = scope.find_gradient(i);
    const TensorType type = scope.type(scope.output(i));
    parts.push_back(gradient ? *gradient
                             : scope.emit(fmt::format("part_{}_zeros", i), OpKind::kFill, {},
                                          {{"shape", type.shape},
                                           {"value", 0.0},
                                           {"dtype", std::string(to_string(type.dtype))}}));
  }
  scope.contribute(0, scope.emit("backward", OpKind::kConcat, parts,
                                 {{"axis", scope.node().attributes.integer("axis")}}));
}

Types infer_slice(const OpView& op) {
  const Shape& x = op.shape(0);
  const auto& starts = per_axis(op, "starts", x.size());
  const auto& sizes = per_axis(op, "sizes", x.size());
  const auto& steps = per_axis(op, "steps", x.size());
  for (std::size_t a = 0; a < x.size(); ++a) {
    const bool fits =
        starts[a] >= 0 && sizes[a] >= 0 && steps[a] >= 1 &&
        (sizes[a] == 0 || (starts[a] < x[a] && (x[a] - 1 - starts[a]) / steps[a] >= sizes[a] - 1));
    if (!fits) {
      op.reject(fmt::format("axis {}: start {}, size {}, step {} do not lie within its {} elements",
                            a, starts[a], sizes[a], steps[a], x[a]));
    }
  }
  return {{op.input(0).dtype, sizes}};
}

void slice_gradient(GradientScope& scope) {
  const Attributes& attributes = scope.node().attributes;
  scope.contribute(0, scope.emit("backward", OpKind::kSliceGradient, {scope.gradient()},
                                 {{"starts", attributes.integers("starts")},
                                  {"steps", attributes.integers("steps")},
                                  {"shape", scope.shape(scope.input(0))}}));
}

// (dy) -> dx, zero where the slice took nothing
Types infer_slice_gradient(const OpView& op) {
  return {{op.input(0).dtype, op.attributes.integers("shape")}};
}

}  // namespace

void add_part_ops(OpDefinitions& table) {
  table.push_back({.kind = OpKind::kConcat,
                   .name = "concat",
                   .max_inputs = std::numeric_limits<std::size_t>::max(),
                   .infer = infer_concat,
                   .flops = no_flops,
                   .gradient = concat_gradient});
  table.push_back({.kind = OpKind::kSplit,
                   .name = "split",
                   .infer = infer_split,
                   .flops = no_flops,
                   .gradient = split_gradient});
  table.push_back({.kind = OpKind::kSlice,
                   .name = "slice",
                   .infer = infer_slice,
                   .flops = no_flops,
                   .traffic = output_traffic,
                   .gradient = slice_gradient,
                   .adds = true});
  table.push_back({.kind = OpKind::kSliceGradient,
                   .name = "slice_gradient",
                   .infer = infer_slice_gradient,
                   .flops = no_flops,
                   .adds = true});
}

}  // namespace rockmate
