// What `plan` tells: the same figures for people and as JSON. The keys of the JSON objects are a
// promise to programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "rockmate/largest_batch.h"
#include "rockmate/plan.h"

namespace rockmate::cli {

[[nodiscard]] std::string report(const TrainingGraph& graph, const Plan& plan);
[[nodiscard]] nlohmann::ordered_json to_json(const TrainingGraph& graph, const Plan& plan);

/// What there is to say besides the plan itself.
[[nodiscard]] std::string report(const LargestBatch& largest);
[[nodiscard]] nlohmann::ordered_json to_json(const LargestBatch& largest);

[[nodiscard]] std::string report(const TrainingGraph& graph, const NoPlan& no_plan);
[[nodiscard]] nlohmann::ordered_json to_json(const NoPlan& no_plan);

}  // namespace rockmate::cli
