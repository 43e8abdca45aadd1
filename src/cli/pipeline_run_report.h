// What `rockmate pipeline --run` says of a run, for people and for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/pipeline_job.h"

namespace rockmate::cli {

/// Of an outcome with a plan.
[[nodiscard]] std::string to_text(const PipelineOutcome& outcome);
[[nodiscard]] nlohmann::ordered_json to_json(const PipelineOutcome& outcome);

/// The simulation with measured seconds above, the last step as it was measured below.
[[nodiscard]] std::string run_svg(const PipelineOutcome& outcome, const std::string& title);

}  // namespace rockmate::cli
