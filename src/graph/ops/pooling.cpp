// Pooling over windows. Max pooling's gradient reads where each maximum was: its position within
// the window, in row-major order, one byte where the window is small enough.
//
// Attributes: kernel, strides, pads, dilations (max), ceil_mode, count_include_pad (average);
// input_shape (gradients).

#include <fmt/format.h>

#include "graph/ops/families.h"
#include "graph/ops/shapes.h"

namespace rockmate {
namespace {

TensorType pooled(const OpView& op) {
  require_floating(op, 0);
  require_rank(op, 0, 3);
  const Shape& x = op.shape(0);
  const Window window = window_of(op, per_axis(op, "kernel", op.rank(0) - 2));
  for (std::size_t d = 0; d < window.rank(); ++d) {
    if (std::max(window.before[d], window.after[d]) >= window.span(d)) {
      op.reject(fmt::format("pads {} and {} on spatial axis {}: expected less than the window's {}",
                            window.before[d], window.after[d], d, window.span(d)));
    }
  }
  Shape y = {x[0], x[1]};
  for (const std::int64_t n : window_counts(op, window, x, op.attributes.flag("ceil_mode"))) {
    y.push_back(n);
  }
  return {op.input(0).dtype, y};
}

Types infer_max_pool(const OpView& op) {
  const TensorType y = pooled(op);
  const bool fits_byte = element_count(op.attributes.integers("kernel")) <= 256;
  return {y, {fits_byte ? DType::kUInt8 : DType::kInt32, y.shape}};
}

Types infer_average_pool(const OpView& op) { return {pooled(op)}; }

// (dy, ...) -> dx
Types infer_pool_gradient(const OpView& op) {
  return {{op.input(0).dtype, op.attributes.integers("input_shape")}};
}

double pool_flops(const OpView& op, const Types& outputs) {
  const auto window = static_cast<double>(element_count(op.attributes.integers("kernel")));
  return count(outputs[0]) * window;
}

double average_gradient_flops(const OpView& op, const Types&) {
  const auto window = static_cast<double>(element_count(op.attributes.integers("kernel")));
  return count(op.input(0)) * window;
}

Attributes with_input_shape(const GradientScope& scope) {
  Attributes attributes = scope.node().attributes;
  return attributes.set("input_shape", scope.shape(scope.input(0)));
}

void max_pool_gradient(GradientScope& scope) {
  scope.contribute(0, scope.emit("backward", OpKind::kMaxPoolGradient,
                                 {scope.gradient(), scope.output(1)}, with_input_shape(scope)));
}

void average_pool_gradient(GradientScope& scope) {
  scope.contribute(0, scope.emit("backward", OpKind::kAveragePoolGradient, {scope.gradient()},
                                 with_input_shape(scope)));
}

}  // namespace

void add_pooling_ops(OpDefinitions& table) {
  table.push_back({.kind = OpKind::kMaxPool,
                   .name = "max_pool",
                   .outputs = {"", "indices"},
                   .infer = infer_max_pool,
                   .flops = pool_flops,
                   .gradient = max_pool_gradient,
                   .optional = {1}});
  table.push_back({.kind = OpKind::kMaxPoolGradient,
                   .name = "max_pool_gradient",
                   .min_inputs = 2,
                   .max_inputs = 2,
                   .infer = infer_pool_gradient});
  table.push_back({.kind = OpKind::kAveragePool,
                   .name = "average_pool",
                   .infer = infer_average_pool,
                   .flops = pool_flops,
                   .gradient = average_pool_gradient});
  table.push_back({.kind = OpKind::kAveragePoolGradient,
                   .name = "average_pool_gradient",
                   .infer = infer_pool_gradient,
                   .flops = average_gradient_flops});
}

}  // namespace rockmate
