// What the co-planner asks about stages: it knows cuts, devices and schedules, and nothing of
// blocks. Seconds are those of a device of speed 1.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "pipeline/stage_plan.h"
#include "rockmate/pipeline.h"

namespace rockmate {

/// A stage in its place in a schedule.
struct StageQuery {
  StageRange range;
  std::size_t in_flight = 1;  ///< micro-batches that it holds at once, at most
  Bytes memory;               ///< for all that belongs to micro-batches
  bool is_lifo = false;       ///< all forwards, then all backwards in reverse order
  WeightGradients weights = WeightGradients::kJoined;
};

class StageCosts {
 public:
  virtual ~StageCosts() = default;

  [[nodiscard]] virtual std::size_t blocks() const = 0;
  /// Of one micro-batch with everything kept. Additive over blocks.
  [[nodiscard]] virtual Seconds plain_forward(StageRange range) const = 0;
  [[nodiscard]] virtual Seconds plain_backward(StageRange range) const = 0;
  /// Held all the time, whatever is chosen.
  [[nodiscard]] virtual Bytes static_bytes(StageRange range) const = 0;
  /// Once per iteration.
  [[nodiscard]] virtual Seconds update(StageRange range) const = 0;
  /// What block s reads of the block before it, and the gradient of that.
  [[nodiscard]] virtual Bytes input_before(std::size_t s) const = 0;
  [[nodiscard]] virtual Bytes gradient_before(std::size_t s) const = 0;

  /// No `in_flight` strategies of one range that are held at once within `memory` bytes, their
  /// inputs among them, take less on the average; infinite: none fit.
  [[nodiscard]] virtual Seconds least_seconds(StageRange range, std::size_t in_flight,
                                              Bytes memory) const = 0;

  /// The mean seconds per micro-batch of what can be had cheaply; nullopt: nothing fits. It is
  /// asked for all ranges.
  [[nodiscard]] virtual std::optional<Seconds> estimate(const StageQuery& query) = 0;
  /// The strategies of micro-batches 0, 1, ..., used over and over; none: nothing fits. At most as
  /// slow as estimated.
  [[nodiscard]] virtual std::vector<StageStrategy> strategies(const StageQuery& query) = 0;
};

}  // namespace rockmate
