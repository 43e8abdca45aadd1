#include "graph/patterns/recognise.h"

namespace rockmate {

std::optional<TensorId> replace_loss(Rewriter& rewriter, NodeId id) {
  const Node& loss = rewriter.graph()[id];
  if (loss.kind != OpKind::kCrossEntropy) return std::nullopt;
  for (const OpKind kind : {OpKind::kSoftmax, OpKind::kLogSoftmax}) {
    const Node* softmax = rewriter.made_by(loss.inputs[0], kind);
    if (softmax == nullptr ||
        softmax->attributes.integer("axis") != loss.attributes.integer("axis")) {
      continue;
    }
    return rewriter.b(id)
        .node(OpKind::kCrossEntropy,
              {rewriter.mapped(softmax->inputs[0]), rewriter.mapped(loss.inputs[1])},
              loss.attributes)
        .front();
  }
  return std::nullopt;
}

}  // namespace rockmate
