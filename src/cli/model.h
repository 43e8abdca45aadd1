// Where every verb gets its model from.
#pragma once

#include <string>

#include "rockmate/training_graph.h"

namespace rockmate::cli {

/// What MODEL means, for help texts.
inline constexpr const char* kModelHelp = "the model: a training graph, rockmate.graph/1 (.json)";

/// Reads the training iteration that MODEL names; what was ignored on the way goes to standard
/// error. Throws InvalidInput.
[[nodiscard]] TrainingGraph load_model(const std::string& file);

}  // namespace rockmate::cli
