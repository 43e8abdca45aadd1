// Element-wise activation functions. Each gradient is (dy, saved) -> dx, where `saved` is the input
// or the output, whichever suffices. The piecewise linear ones need one bit per element: where
// nobody keeps the output anyway, they make a mask and save that.

#include "graph/ops/families.h"
#include "graph/ops/shapes.h"

namespace rockmate {
namespace {

Types infer_gradient(const OpView& op) { return {op.input(0)}; }

Types infer_masked(const OpView& op) {
  require_floating(op, 0);
  return {op.input(0), {DType::kBit, op.shape(0)}};
}

template <OpKind kind>
void gradient_from_input(GradientScope& scope) {
  scope.contribute(
      0, scope.emit("backward", kind, {scope.gradient(), scope.input(0)}, scope.node().attributes));
}

template <OpKind kind>
void gradient_from_output(GradientScope& scope) {
  scope.contribute(
      0, scope.emit("backward", kind, {scope.gradient(), scope.output()}, scope.node().attributes));
}

template <OpKind kind>
void gradient_from_mask(GradientScope& scope) {
  const TensorId saved = scope.is_saved(scope.output()) ? scope.output() : scope.output(1);
  scope.contribute(
      0, scope.emit("backward", kind, {scope.gradient(), saved}, scope.node().attributes));
}

template <int per_element>
double flops(const OpView& op, const Types&) {
  return per_element * count(op.input(0));
}

template <int per_element>
void add_gradient(OpDefinitions& table, OpKind kind, std::string_view name) {
  table.push_back({.kind = kind,
                   .name = name,
                   .min_inputs = 2,
                   .max_inputs = 2,
                   .infer = infer_gradient,
                   .flops = flops<per_element>,
                   .in_place = {{0, 0}, {0, 1}}});
}

template <OpKind gradient_kind>
void add_masked(OpDefinitions& table, OpKind kind, std::string_view name,
                std::string_view gradient_name) {
  table.push_back({.kind = kind,
                   .name = name,
                   .outputs = {"", "mask"},
                   .infer = infer_masked,
                   .gradient = gradient_from_mask<gradient_kind>,
                   .optional = {1},
                   .in_place = {{0, 0}}});
  add_gradient<1>(table, gradient_kind, gradient_name);
}

enum class Saved { kInput, kOutput };

template <OpKind gradient_kind, Saved saved, int per_element>
void add_smooth(OpDefinitions& table, OpKind kind, std::string_view name,
                std::string_view gradient_name) {
  table.push_back({.kind = kind,
                   .name = name,
                   .infer = same_floating_type,
                   .flops = flops<per_element>,
                   .gradient = saved == Saved::kInput ? gradient_from_input<gradient_kind>
                                                      : gradient_from_output<gradient_kind>,
                   .in_place = {{0, 0}}});
  add_gradient<per_element>(table, gradient_kind, gradient_name);
}

}  // namespace

void add_activation_ops(OpDefinitions& table) {
  using enum OpKind;
  add_masked<kReluGradient>(table, kRelu, "relu", "relu_gradient");
  add_masked<kClipGradient>(table, kClip, "clip", "clip_gradient");
  add_masked<kLeakyReluGradient>(table, kLeakyRelu, "leaky_relu", "leaky_relu_gradient");
  add_smooth<kEluGradient, Saved::kOutput, 8>(table, kElu, "elu", "elu_gradient");
  add_smooth<kGeluGradient, Saved::kInput, 20>(table, kGelu, "gelu", "gelu_gradient");
  add_smooth<kSigmoidGradient, Saved::kOutput, 8>(table, kSigmoid, "sigmoid", "sigmoid_gradient");
  add_smooth<kTanhGradient, Saved::kOutput, 8>(table, kTanh, "tanh", "tanh_gradient");
  add_smooth<kHardSigmoidGradient, Saved::kOutput, 3>(table, kHardSigmoid, "hard_sigmoid",
                                                      "hard_sigmoid_gradient");
  add_smooth<kHardSwishGradient, Saved::kInput, 4>(table, kHardSwish, "hard_swish",
                                                   "hard_swish_gradient");
  add_smooth<kSiluGradient, Saved::kInput, 10>(table, kSilu, "silu", "silu_gradient");
  add_smooth<kSoftplusGradient, Saved::kInput, 10>(table, kSoftplus, "softplus",
                                                   "softplus_gradient");
}

}  // namespace rockmate
