#include "rockmate/graph.h"

#include <fmt/format.h>

#include <ostream>

namespace rockmate {

std::optional<TensorId> Graph::find(std::string_view tensor) const {
  for (std::size_t t = 0; t < tensors_.size(); ++t) {
    if (tensors_[TensorId(t)].name == tensor) return TensorId(t);
  }
  return std::nullopt;
}

std::int64_t Graph::parameter_count() const {
  std::int64_t elements = 0;
  for (const Tensor& tensor : tensors_) {
    if (tensor.kind == TensorKind::kParameter) elements += element_count(tensor.type.shape);
  }
  return elements;
}

std::ostream& operator<<(std::ostream& out, const Graph& graph) {
  out << fmt::format("model {}: {} nodes, {} tensors, {} parameters\n", graph.name(),
                     graph.nodes().size(), graph.tensors().size(), graph.parameter_count());
  for (const Node& node : graph.nodes()) {
    std::string inputs;
    for (const TensorId t : node.inputs) inputs += (inputs.empty() ? "" : ", ") + graph[t].name;
    std::string outputs;
    for (const TensorId t : node.outputs) {
      outputs += fmt::format(" {}", to_string(graph[t].type));
    }
    out << fmt::format("  {} = {}({}) ->{}\n", node.name, to_string(node.kind), inputs, outputs);
  }
  return out;
}

}  // namespace rockmate
