// Chains for which the best plan is known by a formula: A. Griewank, A. Walther, Algorithm 799:
// revolve, ACM TOMS 26 (2000).
#pragma once

#include "rockmate/training_graph.h"

namespace rockmate::testing {

/// A chain whose values all take one byte, and each may take over the one before. Backward op i
/// reads x_(i-1) and the gradient of x_i. Every op takes a second. Within 3 + `slots` bytes live
/// the input, the gradient, the value that moves along the chain, and `slots` others.
[[nodiscard]] TrainingGraph revolve_chain(int length);

/// Runs of forward ops that the chain takes at least, by the recursion, naively.
[[nodiscard]] int revolve_runs(int length, int slots);

}  // namespace rockmate::testing
