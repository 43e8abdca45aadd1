#include "graph/patterns/rewrite.h"

#include <algorithm>

#include "base/check.h"

namespace rockmate {

Rewriter::Rewriter(const Graph& graph)
    : graph_(graph),
      builder_(graph.name()),
      map_(graph.tensors().size()),
      uses_(graph.tensors().size()) {
  for (const Node& node : graph.nodes()) {
    for (const TensorId t : node.inputs) ++uses_[t];
  }
  for (const Loss& loss : graph.losses()) ++uses_[loss.tensor];
  for (const TensorId t : graph.outputs()) ++uses_[t];
}

const Node* Rewriter::made_by(TensorId old, OpKind kind) const {
  const auto producer = graph_[old].producer;
  if (!producer || graph_[*producer].kind != kind) return nullptr;
  return &graph_[*producer];
}

void Rewriter::copy_source(TensorId old) {
  const Tensor& tensor = graph_[old];
  const DType dtype = tensor.type.dtype;
  const Shape& shape = tensor.type.shape;
  switch (tensor.kind) {
    case TensorKind::kInput:
      map_[old] = builder_.input(tensor.name, shape, dtype);
      break;
    case TensorKind::kConstant:
      map_[old] = builder_.constant(tensor.name, tensor.type, {tensor.fill.value});
      break;
    case TensorKind::kStatistics:
      ROCKMATE_CHECK(dtype == DType::kFloat32, "statistics are float32");
      map_[old] = builder_.statistics(tensor.name, shape, tensor.fill.value);
      break;
    default:
      map_[old] = builder_.parameter(tensor.name, shape, tensor.fill, dtype);
      if (!tensor.trainable) builder_.freeze(*map_[old]);
  }
  if (tensor.data != nullptr) builder_.set_data(*map_[old], *tensor.data);
}

void Rewriter::copy_node(NodeId old) {
  const Node& node = graph_[old];
  std::vector<TensorId> inputs;
  for (const TensorId t : node.inputs) inputs.push_back(mapped(t));
  const auto outputs = b(old).node(node.kind, std::move(inputs), node.attributes);
  for (std::size_t i = 0; i < outputs.size(); ++i) map_[node.outputs[i]] = outputs[i];
}

Graph Rewriter::run(const std::vector<Replace>& passes, const Keep& keep) && {
  const auto is_kept = [&](TensorId t) { return !keep || keep(t); };
  for (std::size_t t = 0; t < graph_.tensors().size(); ++t) {
    if (!graph_[TensorId(t)].producer && is_kept(TensorId(t))) copy_source(TensorId(t));
  }
  for (std::size_t n = 0; n < graph_.nodes().size(); ++n) {
    const NodeId id(n);
    const Node& node = graph_[id];
    // A node without outputs updates statistics: it is needed where all its inputs are.
    const auto& decisive = node.outputs.empty() ? node.inputs : node.outputs;
    if (!std::all_of(decisive.begin(), decisive.end(), is_kept)) continue;
    std::optional<TensorId> replacement;
    for (const Replace& pass : passes) {
      if (!replacement) replacement = pass(*this, id);
    }
    if (replacement) {
      if (!node.outputs.empty()) map_[node.outputs.front()] = replacement;
    } else {
      copy_node(id);
    }
  }
  for (const Loss& loss : graph_.losses()) builder_.loss(mapped(loss.tensor), loss.weight);
  for (const TensorId t : graph_.outputs()) builder_.output(mapped(t));
  return std::move(builder_).build();
}

}  // namespace rockmate
