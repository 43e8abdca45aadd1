// Losses: scalars, means over the batch. Their gradients begin with the gradient of the scalar.
//
// cross_entropy (logits, targets) -> (loss, log of the sum of exponentials); the mean is over all
// targets that are not `ignore_index`.
// Attributes: axis (of the classes), ignore_index.

#include <fmt/format.h>

#include "graph/ops/families.h"
#include "graph/ops/shapes.h"
#include "rockmate/error.h"

namespace rockmate {
namespace {

Types infer_cross_entropy(const OpView& op) {
  require_floating(op, 0);
  const std::size_t axis = axis_of(op, op.rank(0));
  if (op.input(1).dtype != DType::kInt64 && op.input(1).dtype != DType::kInt32) {
    op.reject(fmt::format("the targets are {}, expected int64 or int32 class numbers",
                          to_string(op.input(1))));
  }
  Shape targets = op.shape(0);
  targets.erase(targets.begin() + static_cast<std::ptrdiff_t>(axis));
  require_shape(op, 1, targets, "the targets");
  const DType dtype = op.input(0).dtype;
  return {{dtype, {}}, {dtype, targets}};
}

// (dloss, logits, targets, log_sum) -> dlogits
Types infer_cross_entropy_gradient(const OpView& op) { return {op.input(1)}; }

void cross_entropy_gradient(GradientScope& scope) {
  scope.contribute(0,
                   scope.emit("backward", OpKind::kCrossEntropyGradient,
                              {scope.gradient(), scope.input(0), scope.input(1), scope.output(1)},
                              scope.node().attributes));
}

// (prediction, target) of one shape -> loss
Types infer_pairwise(const OpView& op) {
  require_floating(op, 0);
  require_same_dtype(op, 0, 1);
  require_shape(op, 1, op.shape(0), "the target");
  return {{op.input(0).dtype, {}}};
}

// (dloss, prediction, target) -> dprediction
Types infer_pairwise_gradient(const OpView& op) { return {op.input(1)}; }

// The squared error is symmetric.
void mse_gradient(GradientScope& scope) {
  for (const std::size_t i : {0U, 1U}) {
    if (!scope.wants(i)) continue;
    scope.contribute(
        i, scope.emit(i == 0 ? "backward" : "target_gradient", OpKind::kMeanSquaredErrorGradient,
                      {scope.gradient(), scope.input(i), scope.input(1 - i)}));
  }
}

void binary_cross_entropy_gradient(GradientScope& scope) {
  if (scope.wants(1)) {
    throw InvalidInput(
        fmt::format("op '{}' (binary_cross_entropy): its targets depend on trained "
                    "parameters, expected data",
                    scope.node().name));
  }
  scope.contribute(0, scope.emit("backward", OpKind::kBinaryCrossEntropyGradient,
                                 {scope.gradient(), scope.input(0), scope.input(1)}));
}

double input_flops(const OpView& op, const Types&) { return 10 * count(op.input(0)); }
double gradient_flops(const OpView& op, const Types&) { return 10 * count(op.input(1)); }

void add_pairwise(OpDefinitions& table, OpKind kind, std::string_view name,
                  void (*gradient)(GradientScope&), OpKind gradient_kind,
                  std::string_view gradient_name) {
  table.push_back({.kind = kind,
                   .name = name,
                   .min_inputs = 2,
                   .max_inputs = 2,
                   .infer = infer_pairwise,
                   .flops = input_flops,
                   .gradient = gradient,
                   .is_loss = true});
  table.push_back({.kind = gradient_kind,
                   .name = gradient_name,
                   .min_inputs = 3,
                   .max_inputs = 3,
                   .infer = infer_pairwise_gradient,
                   .flops = gradient_flops,
                   .in_place = {{0, 1}}});
}

}  // namespace

void add_loss_ops(OpDefinitions& table) {
  using enum OpKind;
  table.push_back({.kind = kCrossEntropy,
                   .name = "cross_entropy",
                   .min_inputs = 2,
                   .max_inputs = 2,
                   .outputs = {"", "log_sum"},
                   .infer = infer_cross_entropy,
                   .flops = input_flops,
                   .gradient = cross_entropy_gradient,
                   .optional = {1},
                   .is_loss = true});
  table.push_back({.kind = kCrossEntropyGradient,
                   .name = "cross_entropy_gradient",
                   .min_inputs = 4,
                   .max_inputs = 4,
                   .infer = infer_cross_entropy_gradient,
                   .flops = gradient_flops,
                   .in_place = {{0, 1}}});
  add_pairwise(table, kMeanSquaredError, "mse", mse_gradient, kMeanSquaredErrorGradient,
               "mse_gradient");
  add_pairwise(table, kBinaryCrossEntropy, "binary_cross_entropy", binary_cross_entropy_gradient,
               kBinaryCrossEntropyGradient, "binary_cross_entropy_gradient");
}

}  // namespace rockmate
