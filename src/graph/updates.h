// Which parameters are trained, and the ops of the optimizer on the tape.
#pragma once

#include <vector>

#include "graph/autodiff.h"
#include "rockmate/training_model.h"

namespace rockmate {

/// A parameter with its gradient, in ids of the tape.
struct Trained {
  TensorId parameter, gradient;
  std::vector<TensorId> states = {};  ///< the sum of gradients, if any, and the optimizer's
};

/// The parameters that have a gradient, in the order of the model.
[[nodiscard]] std::vector<Trained> trained_parameters(const Graph& graph, Differentiated& result);

/// Adds an update for each of them, right behind the last use of the parameter and the op that
/// completes the gradient, so that the gradient dies as early as it can; behind the factor of all
/// gradients where they are clipped. Adds the states. Throws InvalidInput for options that are no
/// good.
void add_updates(Tape& tape, std::vector<Trained>& trained, const TrainingOptions& options);

}  // namespace rockmate
