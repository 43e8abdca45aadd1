// As exporters before opset 17 write it:
//
//   d = x - mean(x),  y = d / sqrt(mean(d ^ 2) + epsilon),  z = y * scale + bias
//
// over trailing axes. The difference may be there twice, the square be a product, the root a power.

#include "graph/patterns/recognise.h"

namespace rockmate {
namespace {

struct LayerNorm {
  TensorId x;
  std::int64_t axis = 0;
  double epsilon = 0;
};

// Axes from some axis to the last one.
std::optional<std::int64_t> trailing(const Node& mean, std::size_t rank) {
  const auto& axes = mean.attributes.integers("axes");
  if (axes.empty() || !mean.attributes.flag("keep")) return std::nullopt;
  const std::size_t first = rank - axes.size();
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] != static_cast<std::int64_t>(first + i)) return std::nullopt;
  }
  return axes.front();
}

// d = x - mean(x): gives x and the first axis.
std::optional<LayerNorm> centred(const Rewriter& rewriter, TensorId d) {
  const Node* sub = rewriter.made_by(d, OpKind::kSub);
  if (sub == nullptr) return std::nullopt;
  const Node* mean = rewriter.made_by(sub->inputs[1], OpKind::kReduceMean);
  if (mean == nullptr || mean->inputs[0] != sub->inputs[0]) return std::nullopt;
  const auto axis = trailing(*mean, rewriter.shape(sub->inputs[0]).size());
  if (!axis) return std::nullopt;
  return LayerNorm{.x = sub->inputs[0], .axis = *axis};
}

std::optional<TensorId> square_root_of(const Rewriter& rewriter, TensorId tensor) {
  if (const Node* root = rewriter.made_by(tensor, OpKind::kSqrt)) return root->inputs[0];
  const Node* power = rewriter.made_by(tensor, OpKind::kPow);
  if (power == nullptr || power->attributes.real("exponent") != 0.5) return std::nullopt;
  return power->inputs[0];
}

std::optional<TensorId> square_of(const Rewriter& rewriter, TensorId tensor) {
  const Node* product = rewriter.made_by(tensor, OpKind::kMul);
  if (product != nullptr && product->inputs[0] == product->inputs[1]) return product->inputs[0];
  const Node* power = rewriter.made_by(tensor, OpKind::kPow);
  if (power == nullptr || power->attributes.real("exponent") != 2) return std::nullopt;
  return power->inputs[0];
}

// y as above
std::optional<LayerNorm> normalised(const Rewriter& rewriter, TensorId y) {
  const Node* div = rewriter.made_by(y, OpKind::kDiv);
  if (div == nullptr) return std::nullopt;
  auto norm = centred(rewriter, div->inputs[0]);
  const auto sum = square_root_of(rewriter, div->inputs[1]);
  if (!norm || !sum) return std::nullopt;
  const Node* offset = rewriter.made_by(*sum, OpKind::kScale);
  if (offset == nullptr || offset->attributes.real("factor") != 1) return std::nullopt;
  norm->epsilon = offset->attributes.real("offset");
  const Node* mean = rewriter.made_by(offset->inputs[0], OpKind::kReduceMean);
  if (mean == nullptr || trailing(*mean, rewriter.shape(norm->x).size()) != norm->axis) {
    return std::nullopt;
  }
  const auto squared = square_of(rewriter, mean->inputs[0]);
  if (!squared) return std::nullopt;
  const auto other = centred(rewriter, *squared);
  if (!other || other->x != norm->x || other->axis != norm->axis) return std::nullopt;
  return norm;
}

// The operand of a product or sum that has the shape of the normalised axes; `rest` is the other.
std::optional<TensorId> affine(const Rewriter& rewriter, const Node& node, const Shape& shape,
                               TensorId& rest) {
  for (const std::size_t i : {1U, 0U}) {
    if (rewriter.shape(node.inputs[i]) != shape || rewriter.graph()[node.inputs[i]].producer) {
      continue;
    }
    rest = node.inputs[1 - i];
    return node.inputs[i];
  }
  return std::nullopt;
}

}  // namespace

std::optional<TensorId> replace_layer_norm(Rewriter& rewriter, NodeId id) {
  const Node& node = rewriter.graph()[id];
  if (node.kind != OpKind::kDiv && node.kind != OpKind::kMul && node.kind != OpKind::kAdd) {
    return std::nullopt;
  }
  const TensorId root = node.outputs[0];
  std::vector<TensorId> parameters;
  TensorId y = root;
  const Shape& whole = rewriter.shape(root);
  // The parameters have as many axes as are normalised: try each of their possible shapes.
  const auto peel = [&](OpKind kind) {
    const Node* outer = rewriter.made_by(y, kind);
    if (outer == nullptr) return false;
    for (const TensorId input : outer->inputs) {
      const Shape& shape = rewriter.shape(input);
      if (shape.size() > whole.size() || shape.empty()) continue;
      if (!std::equal(shape.rbegin(), shape.rend(), whole.rbegin())) continue;
      TensorId rest = y;
      const auto parameter = affine(rewriter, *outer, shape, rest);
      if (!parameter) continue;
      parameters.insert(parameters.begin(), *parameter);
      y = rest;
      return true;
    }
    return false;
  };
  if (node.kind == OpKind::kAdd && !peel(OpKind::kAdd)) return std::nullopt;
  if (node.kind != OpKind::kDiv && !peel(OpKind::kMul)) return std::nullopt;
  const auto norm = normalised(rewriter, y);
  if (!norm || rewriter.shape(norm->x) != whole) return std::nullopt;
  const Shape expected(whole.begin() + norm->axis, whole.end());
  std::vector<TensorId> inputs = {rewriter.mapped(norm->x)};
  for (const TensorId parameter : parameters) {
    if (rewriter.shape(parameter) != expected) return std::nullopt;
    inputs.push_back(rewriter.mapped(parameter));
  }
  return rewriter.b(id)
      .node(OpKind::kLayerNorm, std::move(inputs),
            {{"axis", norm->axis}, {"epsilon", norm->epsilon}})
      .front();
}

}  // namespace rockmate
