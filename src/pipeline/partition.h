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

struct PartitionProblem {
  std::size_t blocks = 0;
  std::size_t stages = 0;
  std::size_t micro_batches = 1;
  /// Which devices may stand in for each other; equal numbers are equal devices.
  std::vector<std::size_t> kinds;
  /// With several stages per device, or where the order of devices is given: stage s is on device
  /// s mod devices.
  bool fixed_order = false;
  /// Mean seconds per micro-batch of stage s on a device; nullopt: it does not fit.
  std::function<std::optional<Seconds>(std::size_t stage, StageRange range, std::size_t device)>
      seconds;
  /// Of sending one micro-batch's activation and gradient across the cut before block s.
  std::function<Seconds(std::size_t s)> transfer;
};

/// The best partitions by sum(t + transfers) + (m - 1) t_max, at most `most` of them, best first.
/// Time: (sets of devices) * blocks^2 * stages; more than 4096 sets are refused: then the order of
/// devices is kept.
[[nodiscard]] std::vector<Partition> best_partitions(const PartitionProblem& problem,
                                                     std::size_t most);

}  // namespace rockmate
