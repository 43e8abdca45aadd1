// Element-wise arithmetic on two operands, with broadcasting. The gradient of a broadcast operand
// is summed over the axes that were broadcast. A sum of gradients is an `add` as well.

#include "graph/ops/families.h"
#include "graph/ops/shapes.h"

namespace rockmate {
namespace {

Types infer_binary(const OpView& op) {
  require_same_dtype(op, 0, 1);
  return {{op.input(0).dtype, broadcast(op, op.shape(0), op.shape(1))}};
}

Attributes factor(double value) { return {{"factor", value}, {"offset", 0.0}}; }

void add_gradient(GradientScope& scope) {
  for (const std::size_t i : {0U, 1U}) {
    if (scope.wants(i)) scope.contribute_reduced(i, scope.gradient());
  }
}

void sub_gradient(GradientScope& scope) {
  if (scope.wants(0)) scope.contribute_reduced(0, scope.gradient());
  if (scope.wants(1)) {
    scope.contribute_reduced(
        1, scope.emit("b_gradient", OpKind::kScale, {scope.gradient()}, factor(-1)));
  }
}

void mul_gradient(GradientScope& scope) {
  const TensorId dy = scope.gradient();
  if (scope.wants(1)) {
    scope.contribute_reduced(1, scope.emit("b_gradient", OpKind::kMul, {dy, scope.input(0)}));
  }
  if (scope.wants(0)) {
    scope.contribute_reduced(0, scope.emit("a_gradient", OpKind::kMul, {dy, scope.input(1)}));
  }
}

// da = dy / b; db = -da * y
void div_gradient(GradientScope& scope) {
  const TensorId da = scope.emit("a_gradient", OpKind::kDiv, {scope.gradient(), scope.input(1)});
  if (scope.wants(1)) {
    const TensorId product = scope.emit("product", OpKind::kMul, {da, scope.output()});
    scope.contribute_reduced(1, scope.emit("b_gradient", OpKind::kScale, {product}, factor(-1)));
  }
  if (scope.wants(0)) scope.contribute_reduced(0, da);
}

// The gradient goes to the operand that won, and to the first one in a tie.
template <OpKind first_wins>
void extremum_gradient(GradientScope& scope) {
  const TensorId dy = scope.gradient();
  const TensorId first = scope.emit("first_wins", first_wins, {scope.input(0), scope.input(1)});
  const TensorId zero = scope.scalar(0, scope.type(dy).dtype);
  if (scope.wants(0)) {
    scope.contribute_reduced(0, scope.emit("a_gradient", OpKind::kWhere, {first, dy, zero}));
  }
  if (scope.wants(1)) {
    scope.contribute_reduced(1, scope.emit("b_gradient", OpKind::kWhere, {first, zero, dy}));
  }
}

Types infer_where(const OpView& op) {
  if (op.input(0).dtype != DType::kBool) {
    op.reject("the condition is " + to_string(op.input(0)) + ", expected bool");
  }
  require_same_dtype(op, 1, 2);
  const Shape branches = broadcast(op, op.shape(1), op.shape(2));
  return {{op.input(1).dtype, broadcast(op, op.shape(0), branches)}};
}

void where_gradient(GradientScope& scope) {
  const TensorId dy = scope.gradient();
  const TensorId zero = scope.scalar(0, scope.type(dy).dtype);
  const TensorId condition = scope.input(0);
  if (scope.wants(1)) {
    scope.contribute_reduced(1, scope.emit("a_gradient", OpKind::kWhere, {condition, dy, zero}));
  }
  if (scope.wants(2)) {
    scope.contribute_reduced(2, scope.emit("b_gradient", OpKind::kWhere, {condition, zero, dy}));
  }
}

void add_binary(OpDefinitions& table, OpKind kind, std::string_view name,
                void (*gradient)(GradientScope&)) {
  table.push_back({.kind = kind,
                   .name = name,
                   .min_inputs = 2,
                   .max_inputs = 2,
                   .infer = infer_binary,
                   .gradient = gradient,
                   .in_place = {{0, 0}, {0, 1}}});
}

}  // namespace

void add_arithmetic_ops(OpDefinitions& table) {
  using enum OpKind;
  add_binary(table, kAdd, "add", add_gradient);
  add_binary(table, kSub, "sub", sub_gradient);
  add_binary(table, kMul, "mul", mul_gradient);
  add_binary(table, kDiv, "div", div_gradient);
  add_binary(table, kMaximum, "maximum", extremum_gradient<kGreaterOrEqual>);
  add_binary(table, kMinimum, "minimum", extremum_gradient<kLessOrEqual>);
  table.push_back({.kind = kWhere,
                   .name = "where",
                   .min_inputs = 3,
                   .max_inputs = 3,
                   .infer = infer_where,
                   .gradient = where_gradient,
                   .in_place = {{0, 1}, {0, 2}}});
}

}  // namespace rockmate
