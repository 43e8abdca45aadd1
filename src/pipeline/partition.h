// Where to cut a chain into stages, and which device gets which stage.
#pragma once

#include <functional>
#include <vector>

#include "pipeline/stage_plan.h"
#include "rockmate/pipeline.h"

namespace rockmate {

struct PlacedStage {
  StageRange range;
  std::size_t device = 0;
  friend bool operator==(const PlacedStage& x, const PlacedStage& y) {
    return x.range.first == y.range.first && x.range.last == y.range.last && x.device == y.device;
  }
};

/// Stages in order, together all blocks.
struct Partition {
  std::vector<PlacedStage> stages;
  Seconds estimate;
};

/// Which devices the stages may be on.
enum class DeviceOrder : std::uint8_t {
  kAny,    ///< each on a device of its own
  kGiven,  ///< the same, and a later stage on a later device; some may be left out
  kRound   ///< stage s on device s mod devices
};

struct PartitionProblem {
  std::size_t blocks = 0;
  std::size_t least_stages = 1, most_stages = 1;
  std::size_t micro_batches = 1;
  /// Which devices may stand in for each other; equal numbers are equal devices.
  std::vector<std::size_t> kinds;
  DeviceOrder order = DeviceOrder::kAny;
  /// Mean seconds per micro-batch on a device, of the stage that `after` others follow; nullopt: it
  /// does not fit.
  std::function<std::optional<Seconds>(std::size_t after, StageRange range, std::size_t device)>
      seconds;
  /// Of sending one micro-batch's activation and gradient across the cut before block s.
  std::function<Seconds(std::size_t s)> transfer;
};

/// Whether there are so many sets of devices that `DeviceOrder::kAny` is beyond reach.
[[nodiscard]] bool has_too_many_sets(const std::vector<std::size_t>& kinds);

/// The best partitions by sum(t + transfers) + (m - 1) t_max: of each number of stages `most` at
/// most, best first. Time: sets of devices * kinds * blocks^2.
[[nodiscard]] std::vector<Partition> best_partitions(const PartitionProblem& problem,
                                                     std::size_t most);

}  // namespace rockmate
