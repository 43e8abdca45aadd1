// Element-wise functions of one operand. Where a gradient is a product with something that exists
// already, it is made of arithmetic ops; else it is (dy, x) -> dx.
//
// Attributes: factor, offset (scale: factor * x + offset), exponent (pow).

#include "graph/ops/families.h"
#include "graph/ops/shapes.h"

namespace rockmate {
namespace {

Types infer_scale(const OpView& op) {
  static_cast<void>(op.attributes.real("factor"));
  static_cast<void>(op.attributes.real("offset"));
  return {op.input(0)};
}

Types infer_pow(const OpView& op) {
  static_cast<void>(op.attributes.real("exponent"));
  return same_floating_type(op);
}

double two_flops(const OpView& op, const Types&) { return 2 * count(op.input(0)); }
double many_flops(const OpView& op, const Types&) { return 10 * count(op.input(0)); }

void scale_gradient(GradientScope& scope) {
  scope.contribute(
      0, scope.emit("backward", OpKind::kScale, {scope.gradient()},
                    {{"factor", scope.node().attributes.real("factor")}, {"offset", 0.0}}));
}

void exp_gradient(GradientScope& scope) {
  scope.contribute(0, scope.emit("backward", OpKind::kMul, {scope.gradient(), scope.output()}));
}

void log_gradient(GradientScope& scope) {
  scope.contribute(0, scope.emit("backward", OpKind::kDiv, {scope.gradient(), scope.input(0)}));
}

// dx = dy / (2 y)
void sqrt_gradient(GradientScope& scope) {
  const TensorId ratio = scope.emit("ratio", OpKind::kDiv, {scope.gradient(), scope.output()});
  scope.contribute(
      0, scope.emit("backward", OpKind::kScale, {ratio}, {{"factor", 0.5}, {"offset", 0.0}}));
}

template <OpKind kind>
void gradient_from_input(GradientScope& scope) {
  scope.contribute(
      0, scope.emit("backward", kind, {scope.gradient(), scope.input(0)}, scope.node().attributes));
}

void add_unary(OpDefinitions& table, OpKind kind, std::string_view name,
               void (*gradient)(GradientScope&), Types (*infer)(const OpView&)) {
  table.push_back({.kind = kind,
                   .name = name,
                   .infer = infer,
                   .flops = many_flops,
                   .gradient = gradient,
                   .in_place = {{0, 0}}});
}

template <OpKind gradient_kind>
void add_unary_pair(OpDefinitions& table, OpKind kind, std::string_view name,
                    std::string_view gradient_name,
                    Types (*infer)(const OpView&) = same_floating_type) {
  add_unary(table, kind, name, gradient_from_input<gradient_kind>, infer);
  table.push_back({.kind = gradient_kind,
                   .name = gradient_name,
                   .min_inputs = 2,
                   .max_inputs = 2,
                   .infer = same_type,
                   .flops = many_flops,
                   .in_place = {{0, 0}}});
}

}  // namespace

void add_unary_ops(OpDefinitions& table) {
  using enum OpKind;
  table.push_back({.kind = kScale,
                   .name = "scale",
                   .infer = infer_scale,
                   .flops = two_flops,
                   .gradient = scale_gradient,
                   .in_place = {{0, 0}},
                   .free_attributes = {"factor", "offset"}});
  add_unary(table, kExp, "exp", exp_gradient, same_floating_type);
  add_unary(table, kLog, "log", log_gradient, same_floating_type);
  add_unary(table, kSqrt, "sqrt", sqrt_gradient, same_floating_type);
  add_unary_pair<kPowGradient>(table, kPow, "pow", "pow_gradient", infer_pow);
  add_unary_pair<kErfGradient>(table, kErf, "erf", "erf_gradient");
  add_unary_pair<kAbsGradient>(table, kAbs, "abs", "abs_gradient");
  add_unary_pair<kSinGradient>(table, kSin, "sin", "sin_gradient");
  add_unary_pair<kCosGradient>(table, kCos, "cos", "cos_gradient");
}

}  // namespace rockmate
