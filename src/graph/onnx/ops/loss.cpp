// Losses that stand in the model itself.

#include <fmt/format.h>

#include "graph/onnx/ops/importers.h"

namespace rockmate::from_onnx {
namespace {

// The negative log-likelihood of a log-softmax is its cross-entropy: the softmax of a log-softmax
// is the softmax. Of other scores it is not.
void import_cross_entropy(NodeCall& call) {
  call.only_outputs(1);
  if (call.has(2)) NodeCall::reject("weights per class are not supported");
  if (call.text("reduction", "mean") != "mean") {
    NodeCall::reject(fmt::format("reduction is '{}', expected 'mean'", call.text("reduction", "")));
  }
  const TensorId scores = call.tensor(0);
  const TensorId targets = call.tensor(1);
  if (call.op() == "NegativeLogLikelihoodLoss" && !call.values().is_log_softmax(scores)) {
    NodeCall::reject("expected the result of a LogSoftmax over axis 1");
  }
  call.set(call.b().cross_entropy(scores, targets, 1, call.integer("ignore_index", -100)));
}

}  // namespace

void add_loss_importers(Importers& importers) {
  importers["SoftmaxCrossEntropyLoss"] = import_cross_entropy;
  importers["NegativeLogLikelihoodLoss"] = import_cross_entropy;
}

}  // namespace rockmate::from_onnx
