// Convolutions of any number of spatial axes. The gradient of a convolution with respect to its
// input is a transposed convolution and the other way round, so three kinds close the family.
//
// Attributes: strides, pads, dilations, groups; output_padding (transposed), kernel (weight
// gradient).

#include <fmt/format.h>

#include "graph/ops/families.h"
#include "graph/ops/shapes.h"

namespace rockmate {
namespace {

Shape kernel_of(const Shape& weight) { return {weight.begin() + 2, weight.end()}; }

std::int64_t groups_of(const OpView& op) {
  const std::int64_t groups = op.attributes.integer("groups", 1);
  if (groups < 1 || groups > op.shape(0)[1]) {
    op.reject(fmt::format("groups is {}, expected 1 <= groups <= the {} channels of {}", groups,
                          op.shape(0)[1], to_string(op.shape(0))));
  }
  return groups;
}

void check_operands(const OpView& op) {
  require_floating(op, 0);
  require_same_dtype(op, 0, 1);
  require_rank(op, 0, 3);
  if (op.rank(1) != op.rank(0)) {
    op.reject(fmt::format("input {} and weight {}: expected as many axes", to_string(op.shape(0)),
                          to_string(op.shape(1))));
  }
}

Types infer_conv(const OpView& op) {
  check_operands(op);
  const Shape& x = op.shape(0);
  const Shape& weight = op.shape(1);
  const std::int64_t groups = groups_of(op);
  if (x[1] % groups != 0 || x[1] / groups != weight[1] || weight[0] % groups != 0) {
    op.reject(fmt::format("input {} has {} channels in {} groups, weight {} expects {} in each",
                          to_string(x), x[1], groups, to_string(weight), weight[1]));
  }
  if (op.has(2)) require_shape(op, 2, {weight[0]}, "the bias");
  Shape y = {x[0], weight[0]};
  for (const std::int64_t n : window_counts(op, window_of(op, kernel_of(weight)), x)) {
    y.push_back(n);
  }
  return {{op.input(0).dtype, y}};
}

Types infer_conv_transpose(const OpView& op) {
  check_operands(op);
  const Shape& x = op.shape(0);
  const Shape& weight = op.shape(1);
  const std::int64_t groups = groups_of(op);
  if (x[1] != weight[0] || weight[0] % groups != 0) {
    op.reject(fmt::format("input {} has {} channels in {} groups, weight {} expects {} in all",
                          to_string(x), x[1], groups, to_string(weight), weight[0]));
  }
  const Window window = window_of(op, kernel_of(weight));
  if (op.has(2)) require_shape(op, 2, {weight[1] * groups}, "the bias");
  const auto& extra = per_axis(op, "output_padding", window.rank());
  Shape y = {x[0], weight[1] * groups};
  for (std::size_t d = 0; d < window.rank(); ++d) {
    if (extra[d] < 0 || extra[d] >= window.strides[d]) {
      op.reject(fmt::format("output_padding is {} on spatial axis {}, expected 0 <= it < stride {}",
                            extra[d], d, window.strides[d]));
    }
    y.push_back((x[d + 2] - 1) * window.strides[d] - window.before[d] - window.after[d] +
                window.span(d) + extra[d]);
    if (y.back() < 1) {
      op.reject(
          fmt::format("spatial axis {} would have {} elements, expected at least 1 (input "
                      "{})",
                      d, y.back(), to_string(x)));
    }
  }
  return {{op.input(0).dtype, y}};
}

// (x, dy) -> the gradient of the weight of conv(x, weight) -> y.
Types infer_weight_gradient(const OpView& op) {
  check_operands(op);
  Shape weight = {op.shape(1)[1], op.shape(0)[1] / groups_of(op)};
  for (const std::int64_t k : per_axis(op, "kernel", op.rank(0) - 2)) weight.push_back(k);
  return {{op.input(0).dtype, weight}};
}

double conv_flops(const OpView& op, const Types& outputs) {
  return 2 * count(outputs[0]) * product(op.shape(1), 1);
}

double conv_transpose_flops(const OpView& op, const Types&) {
  return 2 * count(op.input(0)) * product(op.shape(1), 1);
}

double weight_gradient_flops(const OpView& op, const Types& outputs) {
  const Shape& weight = outputs[0].shape;
  return 2 * count(op.input(1)) * product(weight, 1);
}

void contribute_bias(GradientScope& scope) {
  if (!scope.wants(2)) return;
  std::vector<std::int64_t> axes = {0};
  for (std::size_t a = 2; a < scope.shape(scope.output()).size(); ++a) {
    axes.push_back(static_cast<std::int64_t>(a));
  }
  scope.contribute(2, scope.emit("bias_gradient", OpKind::kReduceSum, {scope.gradient()},
                                 {{"axes", axes}, {"keep", false}}));
}

// `image` and `result` are the inputs of the convolution's weight gradient, whichever of the two
// directions runs forward.
void contribute_weight(GradientScope& scope, TensorId image, TensorId result, Attributes window) {
  if (!scope.wants(1)) return;
  window.set("kernel", kernel_of(scope.shape(scope.input(1))));
  scope.contribute(1, scope.emit("weight_gradient", OpKind::kConvWeightGradient, {image, result},
                                 std::move(window)));
}

void conv_gradient(GradientScope& scope) {
  const Attributes& attributes = scope.node().attributes;
  const TensorId dy = scope.gradient();
  contribute_bias(scope);
  contribute_weight(scope, scope.input(0), dy, attributes);
  if (!scope.wants(0)) return;
  // What the last window left over at the end of the image comes back as output padding.
  const Shape& x = scope.shape(scope.input(0));
  const Shape& weight = scope.shape(scope.input(1));
  const auto& strides = attributes.integers("strides");
  const auto& pads = attributes.integers("pads");
  const auto& dilations = attributes.integers("dilations");
  std::vector<std::int64_t> rest(strides.size());
  for (std::size_t d = 0; d < rest.size(); ++d) {
    const std::int64_t span = dilations[d] * (weight[d + 2] - 1) + 1;
    rest[d] = (x[d + 2] + pads[d] + pads[d + rest.size()] - span) % strides[d];
  }
  Attributes window = attributes;
  window.set("output_padding", rest);
  scope.contribute(0, scope.emit("input_gradient", OpKind::kConvTranspose, {dy, scope.input(1)},
                                 std::move(window)));
}

void conv_transpose_gradient(GradientScope& scope) {
  Attributes window;
  for (const auto& [name, value] : scope.node().attributes) {
    if (name != "output_padding") window.set(name, value);
  }
  const TensorId dy = scope.gradient();
  contribute_bias(scope);
  contribute_weight(scope, dy, scope.input(0), window);
  if (scope.wants(0)) {
    scope.contribute(
        0, scope.emit("input_gradient", OpKind::kConv, {dy, scope.input(1)}, std::move(window)));
  }
}

}  // namespace

void add_convolution_ops(OpDefinitions& table) {
  table.push_back({.kind = OpKind::kConv,
                   .name = "conv",
                   .min_inputs = 2,
                   .max_inputs = 3,
                   .infer = infer_conv,
                   .flops = conv_flops,
                   .gradient = conv_gradient,
                   .is_matrix = true});
  table.push_back({.kind = OpKind::kConvTranspose,
                   .name = "conv_transpose",
                   .min_inputs = 2,
                   .max_inputs = 3,
                   .infer = infer_conv_transpose,
                   .flops = conv_transpose_flops,
                   .gradient = conv_transpose_gradient,
                   .is_matrix = true});
  table.push_back({.kind = OpKind::kConvWeightGradient,
                   .name = "conv_weight_gradient",
                   .min_inputs = 2,
                   .max_inputs = 2,
                   .infer = infer_weight_gradient,
                   .flops = weight_gradient_flops,
                   .is_matrix = true});
}

}  // namespace rockmate
