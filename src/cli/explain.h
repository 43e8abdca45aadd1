// `plan --explain`: where the bytes are at the peak, which values they are, and what is computed
// again.
#pragma once

#include <string>

#include "rockmate/plan.h"

namespace rockmate::cli {

[[nodiscard]] std::string explain(const TrainingGraph& graph, const Plan& plan);

}  // namespace rockmate::cli
