#include "graph/onnx/losses.h"

#include <fmt/format.h>

#include <unordered_set>

#include "rockmate/error.h"

namespace rockmate::from_onnx {
namespace {

// Sequences are [batch, time, classes]; images are [batch, classes, ...].
std::size_t class_axis(const Shape& shape) {
  if (shape.size() == 3) return 2;
  return shape.size() < 2 ? 0 : 1;
}

OnnxLoss chosen(const Shape& shape, OnnxLoss wanted) {
  if (wanted != OnnxLoss::kAutomatic) return wanted;
  if (shape.size() < 2 || shape[class_axis(shape)] == 1) return OnnxLoss::kMeanSquaredError;
  return OnnxLoss::kCrossEntropy;
}

TensorId add_target(GraphBuilder& builder, TensorId output, const Shape& shape, DType dtype) {
  return builder.input("target." + builder[output].name, shape, dtype);
}

TensorId loss_of(GraphBuilder& builder, TensorId output, OnnxLoss wanted) {
  const Shape shape = builder.shape(output);
  const DType dtype = builder[output].type.dtype;
  if (wanted == OnnxLoss::kAutomatic && element_count(shape) == 1 && shape.empty()) return output;
  const OnnxLoss loss = chosen(shape, wanted);
  if (loss != OnnxLoss::kCrossEntropy) {
    const TensorId target = add_target(builder, output, shape, dtype);
    return loss == OnnxLoss::kMeanSquaredError
               ? builder.named("loss").mse(output, target)
               : builder.named("loss").binary_cross_entropy(output, target);
  }
  if (shape.size() < 2) {
    throw InvalidInput(
        fmt::format("output '{}' is {}, and cross-entropy expects a class axis "
                    "(choose another loss)",
                    builder[output].name, to_string(shape)));
  }
  const std::size_t axis = class_axis(shape);
  Shape targets = shape;
  targets.erase(targets.begin() + static_cast<std::ptrdiff_t>(axis));
  const TensorId target = add_target(builder, output, targets, DType::kInt64);
  return builder.named("loss").cross_entropy(output, target, static_cast<std::int64_t>(axis));
}

}  // namespace

void add_losses(GraphBuilder& builder, const std::vector<TensorId>& outputs,
                const OnnxOptions& options) {
  bool is_first = true;
  std::unordered_set<std::size_t> seen;  // one tensor may be an output under several names
  for (const TensorId output : outputs) {
    if (!seen.insert(output.index()).second) continue;
    builder.output(output);
    const Tensor& tensor = builder[output];
    if (options.loss == OnnxLoss::kNone || !tensor.producer || !is_floating(tensor.type.dtype)) {
      continue;
    }
    builder.loss(loss_of(builder, output, options.loss), is_first ? 1 : options.auxiliary_weight);
    is_first = false;
  }
}

}  // namespace rockmate::from_onnx
