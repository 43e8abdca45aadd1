// Shapes that cross the blocks and tiles in which an engine works, that are odd, strided, dilated,
// grouped or empty, and random ones: further examples for ops whose kernels have such cases.
#pragma once

#include <vector>

#include "support/op_examples.h"

namespace rockmate::testing {

[[nodiscard]] const std::vector<OpExample>& large_examples();

}  // namespace rockmate::testing
