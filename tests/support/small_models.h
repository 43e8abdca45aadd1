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

struct DenseNetSize {
  std::int64_t batch = 2, image = 12;
  std::int64_t width = 5, growth = 3;  ///< channels
  std::vector<int> blocks = {2, 1};
};
/// Huang et al. 2017: each layer reads what all before it in its block have made. At the end, one
/// piece stands twice in a concatenation.
[[nodiscard]] Graph dense_net(const DenseNetSize& size);

}  // namespace rockmate::testing
