// Reverse-mode differentiation of a model, written onto a tape: forward, losses, backward. The
// model is not changed. How and why: papers/autodiff.md.
#pragma once

#include <optional>
#include <vector>

#include "graph/tape.h"
#include "rockmate/graph.h"

namespace rockmate {

struct Differentiated {
  Tape tape;
  /// The gradients of the model's tensors, as far as they are needed.
  IdVector<TensorId, std::optional<TensorId>> gradients;
};

/// Forward and losses alone. Throws InvalidInput where there is no loss. Linear in the size of the
/// model.
[[nodiscard]] Tape forward_tape(const Graph& graph);

/// What the outputs depend on, losses and updates left out. Throws InvalidInput where no node makes
/// an output. Linear in the size of the model.
[[nodiscard]] Tape inference_tape(const Graph& graph);

/// Throws InvalidInput where there is no loss, nothing to train, or an op without a gradient on the
/// way. Linear in the size of the model.
[[nodiscard]] Differentiated differentiate(const Graph& graph);

}  // namespace rockmate
