#include <algorithm>

#include "graph/op_table.h"
#include "graph/patterns/patterns.h"
#include "graph/patterns/recognise.h"

namespace rockmate {
namespace {

IdVector<TensorId, char> live_tensors(const Graph& graph) {
  IdVector<TensorId, char> live(graph.tensors().size());
  for (const Loss& loss : graph.losses()) live[loss.tensor] = 1;
  for (const TensorId t : graph.outputs()) live[t] = 1;
  const auto is_live = [&](TensorId t) { return live[t] != 0; };
  for (std::size_t n = graph.nodes().size(); n-- > 0;) {
    const Node& node = graph[NodeId(n)];
    if (std::none_of(node.outputs.begin(), node.outputs.end(), is_live)) continue;
    for (const TensorId t : node.outputs) live[t] = 1;
    for (const TensorId t : node.inputs) live[t] = 1;
  }
  for (const Node& node : graph.nodes()) {
    if (definition(node.kind).updates.empty()) continue;
    const auto is_made = [&](TensorId t) { return is_live(t) || !graph[t].producer; };
    if (!std::all_of(node.inputs.begin(), node.inputs.end(), is_made)) continue;
    for (const TensorId t : node.inputs) live[t] = 1;
    for (const TensorId t : node.outputs) live[t] = 1;
  }
  return live;
}

}  // namespace

Graph drop_unused(const Graph& graph) {
  const IdVector<TensorId, char> live = live_tensors(graph);
  return Rewriter(graph).run(
      {}, [&](TensorId t) { return live[t] != 0 || graph[t].kind == TensorKind::kInput; });
}

Graph simplify(const Graph& graph) {
  return drop_unused(Rewriter(graph).run({replace_layer_norm, replace_activation, replace_linear,
                                          replace_loss, replace_pooling, SliceReplacer(graph)}));
}

}  // namespace rockmate
