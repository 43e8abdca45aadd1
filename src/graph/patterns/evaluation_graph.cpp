#include <unordered_map>

#include "graph/patterns/patterns.h"
#include "graph/patterns/rewrite.h"

namespace rockmate {
namespace {

// The node that keeps the statistics of a batch normalisation, by the batch's mean.
using Keepers = std::unordered_map<std::size_t, const Node*>;

Keepers keepers_of(const Graph& graph) {
  Keepers keepers;
  for (const Node& node : graph.nodes()) {
    if (node.kind == OpKind::kRunningStatistics) keepers[node.inputs.front().index()] = &node;
  }
  return keepers;
}

std::optional<TensorId> drop_dropout(Rewriter& rewriter, NodeId id) {
  const Node& node = rewriter.graph()[id];
  if (node.kind != OpKind::kDropout) return std::nullopt;
  return rewriter.mapped(node.inputs.front());
}

// Where there is no output to replace, any tensor says that the node goes.
std::optional<TensorId> drop_updates(Rewriter& rewriter, NodeId id) {
  const Node& node = rewriter.graph()[id];
  if (node.kind != OpKind::kRunningStatistics) return std::nullopt;
  return rewriter.mapped(node.inputs.back());
}

// (x - mean) * (variance + epsilon)^-1/2 * scale + bias, per channel.
std::optional<TensorId> fix_batch_norm(Rewriter& rewriter, NodeId id, const Keepers& keepers) {
  const Node& node = rewriter.graph()[id];
  if (node.kind != OpKind::kBatchNorm) return std::nullopt;
  const auto keeper = keepers.find(node.outputs[1].index());
  if (keeper == keepers.end()) return std::nullopt;
  const TensorId x = rewriter.mapped(node.inputs[0]);
  GraphBuilder& b = rewriter.b(id);
  Shape channels(b.shape(x).size(), 1);
  channels[1] = b.shape(x)[1];
  const auto per_channel = [&](TensorId t) { return b.reshape(t, channels); };
  const TensorId mean = rewriter.mapped(keeper->second->inputs[2]);
  const TensorId variance = rewriter.mapped(keeper->second->inputs[3]);
  TensorId factor = b.pow(b.scale(variance, 1, node.attributes.real("epsilon")), -0.5);
  if (node.inputs.size() > 1) factor = b.mul(factor, rewriter.mapped(node.inputs[1]));
  TensorId y = b.mul(b.sub(x, per_channel(mean)), per_channel(factor));
  if (node.inputs.size() > 2) y = b.add(y, per_channel(rewriter.mapped(node.inputs[2])));
  return y;
}

}  // namespace

Graph evaluation_graph(const Graph& graph) {
  const Keepers keepers = keepers_of(graph);
  const auto fix = [&](Rewriter& rewriter, NodeId id) {
    return fix_batch_norm(rewriter, id, keepers);
  };
  return drop_unused(Rewriter(graph).run({drop_dropout, drop_updates, fix}));
}

}  // namespace rockmate
