// The chains of Rotor's paper: block i makes x_i from x_(i-1) and saves s_i; its backward op reads
// x_(i-1), s_i and the gradient of x_i. All sizes and seconds are random.
#pragma once

#include <cstdint>

#include "rockmate/training_graph.h"

namespace rockmate::testing {

[[nodiscard]] TrainingGraph chain_graph(int blocks, std::uint64_t seed);

}  // namespace rockmate::testing
