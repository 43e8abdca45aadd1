// Small models in which fusion has something to do: one for each pattern that it is meant for.
#pragma once

#include <string>
#include <vector>

#include "rockmate/training_model.h"
#include "support/op_examples.h"

namespace rockmate::testing {

[[nodiscard]] const std::vector<OpExample>& fused_examples();

/// The kinds of a fused kernel's parts, "batch_norm_apply relu"; of another kernel, its own.
[[nodiscard]] std::string parts_of(const Kernel& kernel);

}  // namespace rockmate::testing
