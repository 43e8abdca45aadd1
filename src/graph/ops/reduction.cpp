// Reductions over attribute `axes` (rising); with `keep` the axes stay with extent 1.

#include <fmt/format.h>

#include "graph/ops/families.h"
#include "graph/ops/shapes.h"

namespace rockmate {
namespace {

// The shape that the result has with all axes kept.
Shape kept_shape(const Shape& x, const std::vector<std::int64_t>& axes) {
  Shape shape = x;
  for (const std::int64_t axis : axes) shape[static_cast<std::size_t>(axis)] = 1;
  return shape;
}

Types infer_reduction(const OpView& op) {
  require_floating(op, 0);
  const Shape& x = op.shape(0);
  const auto& axes = op.attributes.integers("axes");
  std::int64_t least = 0;
  for (const std::int64_t axis : axes) {
    if (axis < least || axis >= static_cast<std::int64_t>(x.size())) {
      op.reject(fmt::format("axes {} of {}: expected rising numbers from 0 to {}", to_string(axes),
                            to_string(x), static_cast<std::int64_t>(x.size()) - 1));
    }
    least = axis + 1;
  }
  Shape y = kept_shape(x, axes);
  if (!op.attributes.flag("keep")) {
    for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) y.erase(y.begin() + *axis);
  }
  return {{op.input(0).dtype, y}};
}

double reduction_flops(const OpView& op, const Types&) { return count(op.input(0)); }

// `small`, with the reduced axes back as extent 1.
TensorId unsqueezed(GradientScope& scope, std::string_view role, TensorId small) {
  const Attributes& attributes = scope.node().attributes;
  const Shape shape = kept_shape(scope.shape(scope.input(0)), attributes.integers("axes"));
  if (scope.shape(small) == shape) return small;
  return scope.emit(role, OpKind::kReshape, {small}, {{"shape", shape}});
}

void expand_back(GradientScope& scope, double factor) {
  const TensorId dy = unsqueezed(scope, "unsqueezed", scope.gradient());
  Attributes attributes = {{"shape", scope.shape(scope.input(0))}};
  if (factor != 1) attributes.set("factor", factor);
  scope.contribute(0, scope.emit("backward", OpKind::kExpand, {dy}, std::move(attributes)));
}

void sum_gradient(GradientScope& scope) { expand_back(scope, 1); }

void mean_gradient(GradientScope& scope) {
  const auto elements = static_cast<double>(element_count(scope.shape(scope.input(0))));
  const auto means = static_cast<double>(element_count(scope.shape(scope.output())));
  expand_back(scope, means / elements);
}

// (dy, x, y), the latter and the former with all axes kept -> dx, shared evenly among equals.
Types infer_extremum_gradient(const OpView& op) { return {op.input(1)}; }
double extremum_gradient_flops(const OpView& op, const Types&) { return 3 * count(op.input(1)); }

void extremum_gradient(GradientScope& scope) {
  const TensorId dy = unsqueezed(scope, "unsqueezed", scope.gradient());
  const TensorId y = unsqueezed(scope, "unsqueezed_output", scope.output());
  scope.contribute(0,
                   scope.emit("backward", OpKind::kReduceExtremumGradient, {dy, scope.input(0), y},
                              {{"axes", scope.node().attributes.integers("axes")}}));
}

void add_reduction(OpDefinitions& table, OpKind kind, std::string_view name,
                   void (*gradient)(GradientScope&)) {
  table.push_back({.kind = kind,
                   .name = name,
                   .infer = infer_reduction,
                   .flops = reduction_flops,
                   .gradient = gradient});
}

}  // namespace

void add_reduction_ops(OpDefinitions& table) {
  using enum OpKind;
  add_reduction(table, kReduceSum, "reduce_sum", sum_gradient);
  add_reduction(table, kReduceMean, "reduce_mean", mean_gradient);
  add_reduction(table, kReduceMax, "reduce_max", extremum_gradient);
  add_reduction(table, kReduceMin, "reduce_min", extremum_gradient);
  table.push_back({.kind = kReduceExtremumGradient,
                   .name = "reduce_extremum_gradient",
                   .min_inputs = 3,
                   .max_inputs = 3,
                   .infer = infer_extremum_gradient,
                   .flops = extremum_gradient_flops});
}

}  // namespace rockmate
