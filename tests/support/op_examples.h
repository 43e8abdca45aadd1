// A small model around each op of the table, in every variation that changes its gradient. What
// claims to run the ops (an interpreter, an engine) is checked on all of them.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "rockmate/graph_builder.h"

namespace rockmate::testing {

struct OpExample {
  std::string name;
  OpKind kind;
  /// Adds parameters and the op; returns what the loss is made of.
  std::function<std::vector<TensorId>(GraphBuilder&)> add;
};
void PrintTo(const OpExample& example, std::ostream* out);

[[nodiscard]] const std::vector<OpExample>& op_examples();

/// The example as a model: the loss is a sum of its results with random weights.
[[nodiscard]] Graph example_model(const OpExample& example);

}  // namespace rockmate::testing
