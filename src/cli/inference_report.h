// What `run` tells: the same figures for people and as JSON. The keys of the JSON object are a
// promise to programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/inference.h"

namespace rockmate::cli {

/// With the five largest scores of the first samples, where the first output has classes.
[[nodiscard]] std::string report(const InferenceJob& job, const InferenceOutcome& outcome);
[[nodiscard]] nlohmann::ordered_json to_json(const InferenceJob& job,
                                             const InferenceOutcome& outcome);

}  // namespace rockmate::cli
