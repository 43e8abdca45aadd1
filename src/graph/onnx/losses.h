// What an imported model is trained for.
#pragma once

#include "rockmate/graph_builder.h"
#include "rockmate/onnx.h"

namespace rockmate::from_onnx {

/// Adds a loss, with its target input, for each floating-point output that a node makes, and marks
/// all outputs. Throws InvalidInput where the wanted loss does not fit an output.
void add_losses(GraphBuilder& builder, const std::vector<TensorId>& outputs,
                const OnnxOptions& options);

}  // namespace rockmate::from_onnx
