// Ops that only move elements. `reshape` and `reinterpret` are views and move nothing at all.
//
// Attributes: shape (reshape, expand, fill), permutation, before, after, value (pad; negative
// numbers crop), factor (expand scales by it), upper, diagonal (trilu), dtype (cast, fill).

#include <fmt/format.h>

#include <algorithm>

#include "graph/ops/families.h"
#include "graph/ops/shapes.h"

namespace rockmate {
namespace {

double no_flops(const OpView&, const Types&) { return 0; }

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
    if (std::max(before[a], after[a]) > kLargestExtent ||
        std::min(before[a], after[a]) < -kLargestExtent) {
      op.reject(fmt::format("axis {} is padded by {} and {}, expected at most {}", a, before[a],
                            after[a], kLargestExtent));
    }
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

// The same memory, read in the other format: [N, C, spatial...] channels last is [N, spatial..., C]
// row-major, and the other way round. A transposition that moves nothing.
Types infer_reinterpret(const OpView& op) {
  require_rank(op, 0, 3);
  TensorType y = op.input(0);
  if (y.format == MemoryFormat::kChannelsLast) {
    std::rotate(y.shape.begin() + 1, y.shape.begin() + 2, y.shape.end());
    y.format = MemoryFormat::kRowMajor;
  } else {
    std::rotate(y.shape.begin() + 1, y.shape.end() - 1, y.shape.end());
    y.format = MemoryFormat::kChannelsLast;
  }
  return {y};
}

Types infer_fill(const OpView& op) {
  static_cast<void>(op.attributes.real("value"));
  return {{dtype_of(op), op.attributes.integers("shape")}};
}

}  // namespace

void add_movement_ops(OpDefinitions& table) {
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
  table.push_back({.kind = OpKind::kReinterpret,
                   .name = "reinterpret",
                   .infer = infer_reinterpret,
                   .is_view = true});
}

}  // namespace rockmate
