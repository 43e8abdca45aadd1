// The bytes of a schedule over time, by what made them, sampled for a drawing.
// At every run the parts add up to the trace's live bytes; a sample shows the fullest run in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rockmate/schedule.h"

namespace rockmate {

/// What a run does, as people see it.
enum class Activity : std::uint8_t { kForward, kRecomputation, kBackward, kUpdate };
inline constexpr std::size_t kActivities = 4;

/// One run of an op, in the order of the schedule.
struct RunProfile {
  std::size_t action = 0;
  Activity activity = Activity::kForward;
  double begin = 0;  ///< seconds, or runs where the schedule takes no time
  double end = 0;
  std::int64_t made[kActivities] = {};  ///< live bytes by the activity that allocated them
  std::int64_t workspace = 0;
  std::int64_t total = 0;  ///< static bytes included
};

struct MemoryProfile {
  std::vector<RunProfile> runs;
  double duration = 0;
  bool is_timed = true;  ///< false: the schedule takes no time, and the unit is the run
};

/// The trace must be that of the schedule. Linear.
[[nodiscard]] MemoryProfile profile(const TrainingGraph& graph, const Schedule& schedule,
                                    const MemoryTrace& trace);

/// A column of the drawing.
struct Sample {
  const RunProfile* fullest = nullptr;     ///< of the runs that touch it
  Activity activity = Activity::kForward;  ///< what takes most of its time
};

/// `count` samples of equal duration. Linear in runs and samples.
[[nodiscard]] std::vector<Sample> sample(const MemoryProfile& profile, std::size_t count);

}  // namespace rockmate
