#include "graph/patterns/recognise.h"

namespace rockmate {
namespace {

// The input of a transpose of the last two axes, or nothing.
std::optional<TensorId> untransposed(const Rewriter& rewriter, TensorId tensor) {
  const Node* node = rewriter.made_by(tensor, OpKind::kTranspose);
  if (node == nullptr) return std::nullopt;
  const auto& permutation = node->attributes.integers("permutation");
  const std::size_t rank = permutation.size();
  if (rank < 2) return std::nullopt;
  for (std::size_t a = 0; a < rank; ++a) {
    const std::size_t expected = a + 2 < rank ? a : 2 * rank - 3 - a;
    if (permutation[a] != static_cast<std::int64_t>(expected)) return std::nullopt;
  }
  return node->inputs.front();
}

std::optional<TensorId> product(Rewriter& rewriter, NodeId id) {
  const Node& node = rewriter.graph()[id];
  std::vector<TensorId> inputs = node.inputs;
  Attributes attributes = node.attributes;
  const auto flip = [&](std::size_t input, const char* flag) {
    const auto x = untransposed(rewriter, inputs[input]);
    if (!x) return;
    inputs[input] = *x;
    attributes.set(flag, !attributes.flag(flag));
  };
  if (node.kind == OpKind::kMatMul) {
    flip(0, "transpose_a");
    flip(1, "transpose_b");
  } else {
    flip(1, "transpose_weight");
  }
  if (inputs == node.inputs) return std::nullopt;
  for (TensorId& input : inputs) input = rewriter.mapped(input);
  return rewriter.b(id).node(node.kind, std::move(inputs), std::move(attributes)).front();
}

// add(linear(x, w), bias), in either order, where nobody else reads the product
std::optional<TensorId> biased(Rewriter& rewriter, NodeId id) {
  const Node& add = rewriter.graph()[id];
  for (const std::size_t i : {0U, 1U}) {
    const TensorId y = add.inputs[i];
    const TensorId bias = add.inputs[1 - i];
    const Node* linear = rewriter.made_by(y, OpKind::kLinear);
    if (linear == nullptr || linear->inputs.size() != 2 || rewriter.uses(y) != 1) continue;
    if (rewriter.shape(bias) != Shape{rewriter.shape(y).back()} ||
        rewriter.graph()[bias].producer) {
      continue;
    }
    const TensorId weight = linear->inputs[1];
    const auto matrix = untransposed(rewriter, weight);
    const bool transposed = linear->attributes.flag("transpose_weight") != matrix.has_value();
    return rewriter.b(id).linear(rewriter.mapped(linear->inputs[0]),
                                 rewriter.mapped(matrix.value_or(weight)), rewriter.mapped(bias),
                                 transposed);
  }
  return std::nullopt;
}

}  // namespace

std::optional<TensorId> replace_linear(Rewriter& rewriter, NodeId id) {
  switch (rewriter.graph()[id].kind) {
    case OpKind::kMatMul:
    case OpKind::kLinear:
      return product(rewriter, id);
    case OpKind::kAdd:
      return biased(rewriter, id);
    default:
      return std::nullopt;
  }
}

}  // namespace rockmate
