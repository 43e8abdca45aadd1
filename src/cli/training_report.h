// What `train` tells: the same figures for people and as JSON. The keys of the JSON object are a
// promise to programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/training.h"

namespace rockmate::cli {

[[nodiscard]] std::string report(const TrainingJob& job, const TrainingOutcome& outcome);
[[nodiscard]] nlohmann::ordered_json to_json(const TrainingJob& job,
                                             const TrainingOutcome& outcome);

}  // namespace rockmate::cli
