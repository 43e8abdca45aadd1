// The rules of rows that need no clock; see docs/pipeline.md.
#pragma once

#include "rockmate/pipeline.h"

namespace rockmate {

/// Whether some row communicates.
[[nodiscard]] bool has_communication(const Pipeline& pipeline);

/// The first rule that the rows break, deadlocks left out. Whatever passes can be lowered, and run
/// until it ends or all ranks wait.
[[nodiscard]] std::optional<Violation> check_structure(const Pipeline& pipeline);

}  // namespace rockmate
