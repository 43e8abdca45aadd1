// Copies a graph node by node; a pass may put something else in a node's place. What only the
// replaced nodes needed is left over and dropped at the end.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "rockmate/graph_builder.h"

namespace rockmate {

class Rewriter {
 public:
  explicit Rewriter(const Graph& graph);

  /// What a pass says to a node: the tensor that takes the place of its first output (any tensor,
  /// where it has none: the node is dropped), or nothing.
  using Replace = std::function<std::optional<TensorId>(Rewriter&, NodeId)>;
  /// Whether a tensor of the old graph is needed in the new one. A kept node's inputs are.
  using Keep = std::function<bool(TensorId)>;
  /// Tries the passes in order; the first that answers wins. Without `keep` all is kept.
  [[nodiscard]] Graph run(const std::vector<Replace>& passes, const Keep& keep = {}) &&;

  // The old graph, as patterns are told in its terms.
  [[nodiscard]] const Graph& graph() const { return graph_; }
  [[nodiscard]] const Shape& shape(TensorId old) const { return graph_[old].type.shape; }
  /// The node that makes a tensor, if it is of this kind; else null.
  [[nodiscard]] const Node* made_by(TensorId old, OpKind kind) const;
  /// How many inputs of nodes, losses and outputs the tensor is.
  [[nodiscard]] std::size_t uses(TensorId old) const { return uses_[old]; }

  // The new graph.
  /// The builder; the next node gets the name of the old one.
  [[nodiscard]] GraphBuilder& b(NodeId old) { return builder_.named(graph_[old].name); }
  [[nodiscard]] TensorId mapped(TensorId old) const { return *map_[old]; }

 private:
  void copy_source(TensorId old);
  void copy_node(NodeId old);

  const Graph& graph_;
  GraphBuilder builder_;
  IdVector<TensorId, std::optional<TensorId>> map_;
  IdVector<TensorId, std::size_t> uses_;
};

}  // namespace rockmate
