// What `rockmate pipeline` says of a pipeline, for people and for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "rockmate/pipeline.h"

namespace rockmate::cli {

/// A pipeline that has run in the simulator; `plan` where it was planned here.
struct PipelineReport {
  const Pipeline& pipeline;
  const PipelineTrace& trace;
  std::string name;
  const PipelinePlan* plan = nullptr;
};

[[nodiscard]] std::string to_text(const PipelineReport& report);
[[nodiscard]] nlohmann::ordered_json to_json(const PipelineReport& report);

[[nodiscard]] std::string to_text(const NoPipeline& no_pipeline);
[[nodiscard]] nlohmann::ordered_json to_json(const NoPipeline& no_pipeline);

}  // namespace rockmate::cli
