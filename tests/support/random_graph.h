// Random valid training graphs for property tests: small, odd, and reproducible from a seed.
#pragma once

#include <cstdint>

#include "rockmate/training_graph.h"

namespace rockmate::testing {

struct RandomGraphOptions {
  int forward_ops = 6;
  bool views = true;             ///< some ops take a view of their input
  bool optional_outputs = true;  ///< some ops make an output that only backward ops read
  bool accumulators = true;      ///< backward ops of one value add into one gradient
  bool updates = true;           ///< parameters with a gradient and an update
  bool in_place = true;
  bool implementations = true;
  bool run_once = true;  ///< some forward ops are not recomputable
  bool results = true;
  bool statistics = false;    ///< some forward ops update running statistics, so they run once
  bool free_of_cost = false;  ///< no op takes any time
};

/// A forward DAG with skip connections, a loss, its backward ops in reverse order, updates.
[[nodiscard]] TrainingGraph random_graph(std::uint64_t seed,
                                         const RandomGraphOptions& options = {});

}  // namespace rockmate::testing
