// The patterns. Each says for one node of the old graph what takes its place in the new one, or
// nothing; none changes a function that the model computes, but for the one that says so.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "graph/patterns/rewrite.h"

namespace rockmate {

/// Element-wise expressions of one tensor that are an activation (GELU in either form, SiLU, hard
/// swish, hard sigmoid, softplus), whatever way they are written: recognised by their values.
[[nodiscard]] std::optional<TensorId> replace_activation(Rewriter& rewriter, NodeId id);

/// Mean, difference, square, mean, root, quotient, and the affine map after them.
[[nodiscard]] std::optional<TensorId> replace_layer_norm(Rewriter& rewriter, NodeId id);

/// Transposes of the last two axes become flags of the matrix product that reads them, and a bias
/// that is added to a linear op becomes its own.
[[nodiscard]] std::optional<TensorId> replace_linear(Rewriter& rewriter, NodeId id);

/// Cross-entropy of a softmax or log-softmax is taken of its input: the same for the logarithm; for
/// probabilities it is what cross-entropy means, where taking them for scores would not be.
[[nodiscard]] std::optional<TensorId> replace_loss(Rewriter& rewriter, NodeId id);

/// Zeros around an image become padding of the average pooling that reads it.
[[nodiscard]] std::optional<TensorId> replace_pooling(Rewriter& rewriter, NodeId id);

/// Slices that make up an axis become one split; for one run over the graph.
class SliceReplacer {
 public:
  explicit SliceReplacer(const Graph& graph);
  [[nodiscard]] std::optional<TensorId> operator()(Rewriter& rewriter, NodeId id);

 private:
  struct Split {
    std::int64_t axis;
    std::vector<std::int64_t> sizes;
    std::vector<TensorId> made;  // parts, once there are some
  };
  std::vector<Split> splits_;
  std::map<NodeId, std::pair<std::size_t, std::size_t>> parts_;  // which split, and which part
};

}  // namespace rockmate
