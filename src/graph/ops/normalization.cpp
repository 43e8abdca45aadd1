// Normalisations: y = (x - mean) / sqrt(variance + epsilon) * scale + bias, where mean and variance
// are taken over the batch (batch norm), over trailing axes (layer norm) or over groups of channels
// (group norm; instance norm has one group per channel). Scale and bias may be absent.
//
// Forward: (x, scale, bias) -> (y, mean, variance). The statistics are small and only the gradient
// and the running statistics read them, so a run may skip them.
// Gradient: (dy, x, mean, variance, scale) -> (dx, dscale, dbias).
//
// Batch norm in two: statistics (x) -> (mean, variance), and apply (x, mean, variance, scale, bias)
// -> y, which has the same bits and can run again without a pass for the statistics.
//
// Attributes: epsilon; axis (layer norm), groups (group norm), momentum, count (running
// statistics).

#include <fmt/format.h>

#include "graph/ops/families.h"
#include "graph/ops/shapes.h"

namespace rockmate {
namespace {

void check_affine(const OpView& op, std::size_t first, const Shape& expected) {
  if (op.has(first)) require_shape(op, first, expected, "the scale");
  if (op.has(first + 1)) require_shape(op, first + 1, expected, "the bias");
}

// The shapes of the affine parameters and of the statistics of each kind of normalisation of input
// `x`.
struct NormShapes {
  Shape affine, statistics;
};

NormShapes batch_norm_shapes(const OpView& op, std::size_t x) {
  require_rank(op, x, 2);
  const Shape channels = {op.shape(x)[1]};
  return {channels, channels};
}

NormShapes layer_norm_shapes(const OpView& op, std::size_t x) {
  const Shape& shape = op.shape(x);
  const auto first = shape.begin() + static_cast<std::ptrdiff_t>(axis_of(op, shape.size()));
  return {Shape(first, shape.end()), Shape(shape.begin(), first)};
}

NormShapes group_norm_shapes(const OpView& op, std::size_t x) {
  require_rank(op, x, 2);
  const std::int64_t channels = op.shape(x)[1];
  const std::int64_t groups = op.attributes.integer("groups");
  if (groups < 1 || channels % groups != 0) {
    op.reject(fmt::format("{} channels do not divide into {} groups", channels, groups));
  }
  return {{channels}, {op.shape(x)[0], groups}};
}

using ShapesOf = NormShapes (*)(const OpView& op, std::size_t x);

template <ShapesOf shapes_of>
Types infer_norm(const OpView& op) {
  require_floating(op, 0);
  const NormShapes shapes = shapes_of(op, 0);
  check_affine(op, 1, shapes.affine);
  const DType dtype = op.input(0).dtype;
  return {op.input(0), {dtype, shapes.statistics}, {dtype, shapes.statistics}};
}

template <ShapesOf shapes_of>
Types infer_norm_gradient(const OpView& op) {
  const NormShapes shapes = shapes_of(op, 1);
  const DType dtype = op.input(1).dtype;
  return {op.input(1), {dtype, shapes.affine}, {dtype, shapes.affine}};
}

double norm_flops(const OpView& op, const Types&) { return 8 * count(op.input(0)); }
double norm_gradient_flops(const OpView& op, const Types&) { return 12 * count(op.input(0)); }

// The statistics take a pass of their own over x, and in the gradient over x and dy.
Bytes norm_traffic(const OpView& op, const Types&) { return times(3, op.input(0).bytes()); }
Bytes norm_gradient_traffic(const OpView& op, const Types&) {
  return times(5, op.input(0).bytes());
}

template <OpKind kind>
void norm_gradient(GradientScope& scope) {
  std::vector<TensorId> inputs = {scope.gradient(), scope.input(0), scope.output(1),
                                  scope.output(2)};
  if (scope.node().inputs.size() > 1) inputs.push_back(scope.input(1));
  const auto gradients = scope.emit_all("backward", kind, inputs, scope.node().attributes);
  for (std::size_t i = 0; i < 3; ++i) {
    if (scope.wants(i)) scope.contribute(i, gradients[i]);
  }
}

Types infer_batch_norm_statistics(const OpView& op) {
  const Types norm = infer_norm<batch_norm_shapes>(op);
  return {norm[1], norm[2]};
}

Types infer_batch_norm_apply(const OpView& op) {
  require_floating(op, 0);
  const NormShapes shapes = batch_norm_shapes(op, 0);
  require_shape(op, 1, shapes.statistics, "the mean");
  require_shape(op, 2, shapes.statistics, "the variance");
  check_affine(op, 3, shapes.affine);
  return {op.input(0)};
}

double statistics_flops(const OpView& op, const Types&) { return 4 * count(op.input(0)); }
double apply_flops(const OpView& op, const Types&) { return 4 * count(op.input(0)); }

// (mean, variance, running mean, running variance), the latter two updated.
Types infer_running_statistics(const OpView& op) {
  for (std::size_t i = 1; i < 4; ++i) {
    require_shape(op, i, op.shape(0), fmt::format("input {}", i));
  }
  return {};
}

double running_statistics_flops(const OpView& op, const Types&) { return 6 * count(op.input(0)); }

template <ShapesOf shapes_of, OpKind gradient_kind>
void add_norm(OpDefinitions& table, OpKind kind, std::string_view name,
              std::string_view gradient_name) {
  table.push_back({.kind = kind,
                   .name = name,
                   .max_inputs = 3,
                   .outputs = {"", "mean", "variance"},
                   .infer = infer_norm<shapes_of>,
                   .flops = norm_flops,
                   .traffic = norm_traffic,
                   .gradient = norm_gradient<gradient_kind>,
                   .optional = {1, 2},
                   .in_place = {{0, 0}}});
  table.push_back({.kind = gradient_kind,
                   .name = gradient_name,
                   .min_inputs = 4,
                   .max_inputs = 5,
                   .outputs = {"", "scale", "bias"},
                   .infer = infer_norm_gradient<shapes_of>,
                   .flops = norm_gradient_flops,
                   .traffic = norm_gradient_traffic,
                   .optional = {0, 1, 2},
                   .in_place = {{0, 0}}});
}

}  // namespace

void add_normalization_ops(OpDefinitions& table) {
  add_norm<batch_norm_shapes, OpKind::kBatchNormGradient>(table, OpKind::kBatchNorm, "batch_norm",
                                                          "batch_norm_gradient");
  add_norm<layer_norm_shapes, OpKind::kLayerNormGradient>(table, OpKind::kLayerNorm, "layer_norm",
                                                          "layer_norm_gradient");
  add_norm<group_norm_shapes, OpKind::kGroupNormGradient>(table, OpKind::kGroupNorm, "group_norm",
                                                          "group_norm_gradient");
  table.push_back({.kind = OpKind::kBatchNormStatistics,
                   .name = "batch_norm_statistics",
                   .outputs = {"mean", "variance"},
                   .infer = infer_batch_norm_statistics,
                   .flops = statistics_flops,
                   .free_attributes = {"epsilon"}});
  table.push_back({.kind = OpKind::kBatchNormApply,
                   .name = "batch_norm_apply",
                   .min_inputs = 3,
                   .max_inputs = 5,
                   .infer = infer_batch_norm_apply,
                   .flops = apply_flops,
                   .in_place = {{0, 0}}});
  table.push_back({.kind = OpKind::kRunningStatistics,
                   .name = "running_statistics",
                   .min_inputs = 4,
                   .max_inputs = 4,
                   .outputs = {},
                   .infer = infer_running_statistics,
                   .flops = running_statistics_flops,
                   .updates = {2, 3},
                   .free_attributes = {"momentum"}});
}

}  // namespace rockmate
