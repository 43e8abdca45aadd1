// Softmax and its logarithm. Before opset 13 they ran over all axes from `axis` on at once.

#include "graph/onnx/ops/importers.h"

namespace rockmate::from_onnx {
namespace {

template <TensorId (GraphBuilder::*method)(TensorId, std::int64_t)>
void import_softmax(NodeCall& call) {
  const TensorId x = call.tensor(0);
  const Shape shape = call.shape(0);
  const bool coerces = call.opset() < 13;
  const std::size_t axis = call.axis(call.integer("axis", coerces ? 1 : -1), shape.size());
  if (!coerces || axis + 1 == shape.size()) {
    const TensorId y = (call.b().*method)(x, static_cast<std::int64_t>(axis));
    if (call.op() == "LogSoftmax" && axis == 1) call.values().mark_log_softmax(y);
    return call.set(y);
  }
  const auto middle = shape.begin() + static_cast<std::ptrdiff_t>(axis);
  const TensorId matrix = call.b().reshape(
      x, {element_count(Shape(shape.begin(), middle)), element_count(Shape(middle, shape.end()))});
  const TensorId y = (call.b().*method)(matrix, 1);
  call.set(call.b().reshape(y, shape));
}

}  // namespace

void add_softmax_importers(Importers& importers) {
  importers["Softmax"] = import_softmax<&GraphBuilder::softmax>;
  importers["LogSoftmax"] = import_softmax<&GraphBuilder::log_softmax>;
}

}  // namespace rockmate::from_onnx
