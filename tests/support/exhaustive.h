// Every schedule of a tiny graph, weighed: the exact trade of peak bytes against seconds, as an
// oracle for bounds and planners. It reads the rules of docs/formats.md by itself; what it finds is
// to be replayed with `simulate`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "rockmate/schedule.h"

namespace rockmate::testing {

struct ParetoPoint {
  Bytes peak;
  Seconds seconds;
  Schedule schedule;
};

enum class RunOrder : std::uint8_t {
  kAny,
  /// Each op runs for the first time after all ops before it in program order; between two such
  /// runs others run again, each at most once and in program order: Checkmate's language.
  kStages
};

/// All points that no valid schedule beats in both figures, by rising peak (so by falling seconds):
/// the first has the least peak there is; the least seconds within a budget are those of the last
/// point whose peak fits. Reordering, recomputation, in-place, implementations (of any numeric
/// class), skips, views, sums and updates are all tried. Nothing if more than `max_labels` partial
/// schedules turn up. Up to about 8 ops and 12 values that are no sources; at most 64 of either.
[[nodiscard]] std::optional<std::vector<ParetoPoint>> exhaustive_front(
    const TrainingGraph& graph, std::size_t max_labels = 300'000, RunOrder order = RunOrder::kAny);

/// A random graph with everything that the format has, mostly small enough for that.
[[nodiscard]] TrainingGraph small_random_graph(std::uint64_t seed);

}  // namespace rockmate::testing
