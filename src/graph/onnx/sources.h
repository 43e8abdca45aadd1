// Sources: which inputs and initializers of an ONNX model are data, parameters, running statistics
// or plain constants, and how parameters begin that come without elements.
#pragma once

#include "graph/onnx/model.h"
#include "graph/onnx/tensor_data.h"
#include "graph/onnx/values.h"
#include "rockmate/onnx.h"

namespace rockmate::from_onnx {

/// The batch that the file states for its data; none where it is symbolic or there are no data.
[[nodiscard]] std::optional<std::int64_t> stated_batch(const Model& model,
                                                       const OnnxOptions& options);

/// Defines a value for every input and initializer that is read. Throws InvalidInput where an
/// extent is unknown or an initializer is broken.
void define_sources(const Model& model, const OnnxOptions& options, const TensorReader& reader,
                    Values& values);

/// Gives the parameters and statistics of the finished graph their initializers' elements.
[[nodiscard]] Graph attach_weights(Graph graph, const Model& model, const TensorReader& reader);

/// Some exporters state weights as Constant nodes: whether this one is the weight of a layer.
[[nodiscard]] bool is_weight(const Model& model, const onnx::NodeProto& constant);
/// Defines the output of such a node as a parameter.
void define_weight(const Model& model, const TensorReader& reader, Values& values,
                   const onnx::NodeProto& constant);

}  // namespace rockmate::from_onnx
