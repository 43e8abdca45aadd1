// A schedule as a picture: live bytes over time, by what made them, and under it what runs.
#pragma once

#include <optional>
#include <string>

#include "rockmate/schedule.h"

namespace rockmate {

struct TimelineOptions {
  std::optional<Bytes> budget = std::nullopt;
  /// Draws the profile of the plain iteration as an outline.
  bool compare_with_plain = false;
};

/// An SVG document of at most some hundred kilobytes, whatever the length of the schedule. `trace`
/// must be what `simulate` returns for the schedule. Linear.
[[nodiscard]] std::string timeline_svg(const TrainingGraph& graph, const Schedule& schedule,
                                       const MemoryTrace& trace,
                                       const TimelineOptions& options = {});

}  // namespace rockmate
