// Plans for one stage of a pipeline that runs all forwards of its micro-batches, then all backwards
// in reverse order (GPipe): what is run for each micro-batch, in order. A plan can be replayed, and
// cut into one forward and one backward sequence per micro-batch.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "pipeline/segments.h"
#include "pipeline/stage_chain.h"
#include "rockmate/pipeline.h"

namespace rockmate {

/// Blocks first .. last of a chain, as a stage.
struct StageRange {
  std::size_t first = 0, last = 0;
};

struct StagePlan {
  Seconds seconds;
  std::vector<StageStep> steps;
};

/// The global method: all micro-batches are one chain. Solved once for every number of bytes, in
/// O(m n (n + K)) staircase operations.
class GlobalStage {
 public:
  /// `segments` must outlive it.
  GlobalStage(const Segments& segments, StageRange range, std::size_t micro_batches);
  /// The fastest plan within `memory` bytes, inputs of micro-batches counted; nullopt: there is
  /// none.
  [[nodiscard]] std::optional<StagePlan> plan(Bytes memory) const;

 private:
  const Segments& segments_;
  StageRange range_;
  std::vector<std::unique_ptr<const Rest>> rests_;  // by micro-batch
};

/// The same for one number of bytes.
[[nodiscard]] std::optional<StagePlan> plan_global(const Segments& segments, StageRange range,
                                                   std::size_t micro_batches, Bytes memory);
/// The direct method: every micro-batch alone, with the same strategy and memory / m.
[[nodiscard]] std::optional<StagePlan> plan_direct(const Segments& segments, StageRange range,
                                                   std::size_t micro_batches, Bytes memory);

/// The steps of one micro-batch alone, from a state of `Rest` with so many bytes: its forward, then
/// its backward.
[[nodiscard]] std::vector<StageStep> steps_of_one(const Segments& segments, StageRange range,
                                                  const Rest& rest, Bytes bytes);

/// Whether weight gradients run with the backward, or later.
enum class WeightGradients : std::uint8_t { kJoined, kSplit };

/// Each micro-batch's part of a plan, with bytes as the simulator counts them. Naive: keeps what
/// lives and adds up. Split, the blocks that the forward saved keep what they saved, and the
/// gradients of their outputs, until their weight gradients have run. The steps must be executable,
/// or ROCKMATE_CHECK fails.
[[nodiscard]] std::vector<StageStrategy> strategies_of(
    const StageChain& chain, StageRange range, const std::vector<StageStep>& steps,
    WeightGradients weights = WeightGradients::kJoined);

}  // namespace rockmate
