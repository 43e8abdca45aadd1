// Ops that only move elements. `reshape` is a view and moves nothing at all.
//
// Attributes: axis (concat, split), sizes (split, slice), starts, steps (slice, and per axis),
// shape (reshape, expand, slice gradient), permutation, before, after, value (pad; negative numbers
// crop), factor (expand scales by it), upper, diagonal (trilu), dtype (cast).

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "graph/ops/families.h"
#include "graph/ops/shapes.h"

namespace rockmate {
namespace {

double no_flops(const OpView&, const Types&) { return 0; }

// What an op reads of its input is as much as it writes.
Bytes output_traffic(const OpView&, const Types& outputs) { return times(2, outputs[0].bytes()); }

// ---- concat, split

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
    if (size < 0) op.reject(fmt::format("a part of size {}, expected sizes >= 0", size));
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

// ---- slice

Types infer_slice(const OpView& op) {
  const Shape& x = op.shape(0);
  const auto& starts = per_axis(op, "starts", x.size());
  const auto& sizes = per_axis(op, "sizes", x.size());
  const auto& steps = per_axis(op, "steps", x.size());
  for (std::size_t a = 0; a < x.size(); ++a) {
    const std::int64_t last = starts[a] + (sizes[a] - 1) * steps[a];
    if (starts[a] < 0 || sizes[a] < 0 || steps[a] < 1 || (sizes[a] > 0 && last >= x[a])) {
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

// ---- reshape, transpose, pad, expand

Types infer_reshape(const OpView& op) {
  const Shape& shape = op.attributes.integers("shape");
  if (element_count(shape) != element_count(op.shape(0))) {
    op.reject(fmt::format("{} has {} elements, {} has {}, expected as many", to_string(op.shape(0)),
                          element_count(op.shape(0)), to_string(shape), element_count(shape)));
  }
  return {{op.input(0).dtype, shape}};
}

void reshape_gradient(GradientScope& scope) {
  scope.contribute(0, scope.emit("backward", OpKind::kReshape, {scope.gradient()},
                                 {{"shape", scope.shape(scope.input(0))}}));
}

Types infer_transpose(const OpView& op) {
  const Shape& x = op.shape(0);
  const auto& permutation = per_axis(op, "permutation", x.size());
  std::vector<std::int64_t> sorted = permutation;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t a = 0; a < sorted.size(); ++a) {
    if (sorted[a] != static_cast<std::int64_t>(a)) {
      op.reject(fmt::format("permutation {}: expected each axis from 0 to {} once",
                            to_string(permutation), x.size() - 1));
    }
  }
  Shape y(x.size());
  for (std::size_t a = 0; a < y.size(); ++a) y[a] = x[static_cast<std::size_t>(permutation[a])];
  return {{op.input(0).dtype, y}};
}

void transpose_gradient(GradientScope& scope) {
  const auto& permutation = scope.node().attributes.integers("permutation");
  std::vector<std::int64_t> inverse(permutation.size());
  for (std::size_t a = 0; a < inverse.size(); ++a) {
    inverse[static_cast<std::size_t>(permutation[a])] = static_cast<std::int64_t>(a);
  }
  scope.contribute(0, scope.emit("backward", OpKind::kTranspose, {scope.gradient()},
                                 {{"permutation", inverse}}));
}

Types infer_pad(const OpView& op) {
  Shape y = op.shape(0);
  const auto& before = per_axis(op, "before", y.size());
  const auto& after = per_axis(op, "after", y.size());
  for (std::size_t a = 0; a < y.size(); ++a) {
    y[a] += before[a] + after[a];
    if (y[a] < 0) {
      op.reject(fmt::format("axis {} would have {} elements, expected at least 0", a, y[a]));
    }
  }
  return {{op.input(0).dtype, y}};
}

void pad_gradient(GradientScope& scope) {
  const auto negated = [&](std::string_view name) {
    std::vector<std::int64_t> list = scope.node().attributes.integers(name);
    std::transform(list.begin(), list.end(), list.begin(), std::negate<>());
    return list;
  };
  scope.contribute(
      0, scope.emit("backward", OpKind::kPad, {scope.gradient()},
                    {{"before", negated("before")}, {"after", negated("after")}, {"value", 0.0}}));
}

Types infer_expand(const OpView& op) {
  const Shape& shape = op.attributes.integers("shape");
  if (broadcast(op, op.shape(0), shape) != shape) {
    op.reject(fmt::format("{} does not expand to {}", to_string(op.shape(0)), to_string(shape)));
  }
  return {{op.input(0).dtype, shape}};
}

Bytes expand_traffic(const OpView& op, const Types& outputs) {
  return op.input(0).bytes() + outputs[0].bytes();
}

void expand_gradient(GradientScope& scope) {
  const double factor = scope.node().attributes.real("factor", 1);
  const TensorId dy = scope.gradient();
  scope.contribute_reduced(0, factor == 1 ? dy
                                          : scope.emit("scaled", OpKind::kScale, {dy},
                                                       {{"factor", factor}, {"offset", 0.0}}));
}

// ---- cast, trilu, fill

DType dtype_of(const OpView& op) {
  const std::string& word = op.attributes.text("dtype");
  const auto dtype = parse_dtype(word);
  if (!dtype || *dtype == DType::kBit) op.reject(fmt::format("unknown dtype '{}'", word));
  return *dtype;
}

Types infer_cast(const OpView& op) { return {{dtype_of(op), op.shape(0)}}; }

void cast_gradient(GradientScope& scope) {
  const DType dtype = scope.type(scope.input(0)).dtype;
  scope.contribute(0, scope.emit("backward", OpKind::kCast, {scope.gradient()},
                                 {{"dtype", std::string(to_string(dtype))}}));
}

Types infer_trilu(const OpView& op) {
  require_rank(op, 0, 2);
  return {op.input(0)};
}

void trilu_gradient(GradientScope& scope) {
  scope.contribute(
      0, scope.emit("backward", OpKind::kTrilu, {scope.gradient()}, scope.node().attributes));
}

Types infer_fill(const OpView& op) {
  static_cast<void>(op.attributes.real("value"));
  return {{dtype_of(op), op.attributes.integers("shape")}};
}

void add_shape_ops(OpDefinitions& table) {
  table.push_back({.kind = OpKind::kReshape,
                   .name = "reshape",
                   .infer = infer_reshape,
                   .gradient = reshape_gradient,
                   .is_view = true});
  table.push_back({.kind = OpKind::kTranspose,
                   .name = "transpose",
                   .infer = infer_transpose,
                   .flops = no_flops,
                   .gradient = transpose_gradient});
  table.push_back({.kind = OpKind::kPad,
                   .name = "pad",
                   .infer = infer_pad,
                   .flops = no_flops,
                   .gradient = pad_gradient});
  table.push_back({.kind = OpKind::kExpand,
                   .name = "expand",
                   .infer = infer_expand,
                   .flops = no_flops,
                   .traffic = expand_traffic,
                   .gradient = expand_gradient});
  table.push_back({.kind = OpKind::kCast,
                   .name = "cast",
                   .infer = infer_cast,
                   .gradient = cast_gradient,
                   .in_place = {{0, 0}}});
  table.push_back({.kind = OpKind::kTrilu,
                   .name = "trilu",
                   .infer = infer_trilu,
                   .flops = no_flops,
                   .gradient = trilu_gradient,
                   .in_place = {{0, 0}}});
  table.push_back({.kind = OpKind::kFill,
                   .name = "fill",
                   .min_inputs = 0,
                   .max_inputs = 0,
                   .infer = infer_fill,
                   .flops = no_flops});
}

}  // namespace

void add_movement_ops(OpDefinitions& table) {
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
  add_shape_ops(table);
}

}  // namespace rockmate
