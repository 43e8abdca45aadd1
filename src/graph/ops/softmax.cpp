// Softmax and its logarithm over attribute `axis`; both gradients are (dy, y) -> dx.

#include "graph/ops/families.h"
#include "graph/ops/shapes.h"

namespace rockmate {
namespace {

Types infer_softmax(const OpView& op) {
  require_floating(op, 0);
  static_cast<void>(axis_of(op, op.rank(0)));
  return {op.input(0)};
}

double softmax_flops(const OpView& op, const Types&) { return 10 * count(op.input(0)); }
double gradient_flops(const OpView& op, const Types&) { return 4 * count(op.input(0)); }

template <OpKind kind>
void softmax_gradient(GradientScope& scope) {
  scope.contribute(
      0, scope.emit("backward", kind, {scope.gradient(), scope.output()}, scope.node().attributes));
}

template <OpKind gradient_kind>
void add_softmax(OpDefinitions& table, OpKind kind, std::string_view name,
                 std::string_view gradient_name) {
  table.push_back({.kind = kind,
                   .name = name,
                   .infer = infer_softmax,
                   .flops = softmax_flops,
                   .gradient = softmax_gradient<gradient_kind>,
                   .in_place = {{0, 0}}});
  table.push_back({.kind = gradient_kind,
                   .name = gradient_name,
                   .min_inputs = 2,
                   .max_inputs = 2,
                   .infer = same_type,
                   .flops = gradient_flops,
                   .in_place = {{0, 0}}});
}

}  // namespace

void add_softmax_ops(OpDefinitions& table) {
  using enum OpKind;
  add_softmax<kSoftmaxGradient>(table, kSoftmax, "softmax", "softmax_gradient");
  add_softmax<kLogSoftmaxGradient>(table, kLogSoftmax, "log_softmax", "log_softmax_gradient");
}

}  // namespace rockmate
