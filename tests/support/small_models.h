// One model of each family, small enough for the slowest oracle.
#pragma once

#include <string>
#include <vector>

#include "rockmate/graph_builder.h"

namespace rockmate::testing {

struct NamedModel {
  std::string name;
  Graph graph;
};

/// Dropout, batch norm, views, tied parameters and two losses are among them.
[[nodiscard]] std::vector<NamedModel> small_models();

/// The first of them: a convolutional net with dropout, skips, shared tensors and an auxiliary
/// head.
[[nodiscard]] Graph mixed_net();

}  // namespace rockmate::testing
