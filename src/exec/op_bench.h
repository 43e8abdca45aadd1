// Measures ops one by one, each as it would run within a step.
//
// What a run takes depends on where its tensors lie. Within a step, what the op before has just
// written is still in the caches; everything else (weights, what the forward pass has saved, the
// memory of the outputs) was touched long ago. So an op has several copies of its tensors, which
// take turns; before the first run so much other memory is touched that they have left the caches;
// and before each run, what the op before would have made is written by the same threads, which are
// awake then as they would be. Tried and rejected: copies that only exceed the cores' own caches,
// by which ops that are bound by memory look twice as fast as they are in steps, and flushing line
// by line, which in virtual machines takes minutes.
//
// Elements are made up, at random: of regular ones the branches of a max pooling are foreseen, and
// it looks seven times as fast. Variances and the like are positive. Whole numbers and masks choose
// addresses, so they are genuine: sources are drawn as in training, others are made by the ops that
// make them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "exec/arena.h"
#include "exec/engine.h"
#include "rockmate/training_model.h"

namespace rockmate {

class OpBench {
 public:
  /// Model and engine outlive the bench. `caches`: as in ProfileOptions.
  OpBench(const TrainingModel& model, const Engine& engine, int threads, Bytes caches);
  ~OpBench();

  /// The median of several runs during which no thread has waited for a core; where there are few
  /// of them, the shortest run. At least one counts, and none begins after `limit`.
  [[nodiscard]] Seconds measure(OpId op, Seconds limit);
  /// The same where everything is in the caches, as far as it fits.
  [[nodiscard]] Seconds measure_cached(OpId op, Seconds limit);

 private:
  class Tensors;
  class Bed;
  void fill(ValueId value, std::span<std::byte> to);
  [[nodiscard]] std::span<const std::byte> made(ValueId value);
  [[nodiscard]] std::vector<ValueId> just_made(OpId op) const;
  void touch(std::span<std::byte> bytes) const;
  [[nodiscard]] std::span<std::byte> memory(Bytes bytes);
  [[nodiscard]] static Seconds measure_runs(Seconds limit,
                                            const std::function<Seconds(std::size_t)>& run);

  const TrainingModel& model_;
  const Engine& engine_;
  int threads_;
  Arena other_;                   // touched so that everything else leaves the caches
  std::unique_ptr<Arena> arena_;  // as large as any op has needed so far
  std::map<ValueId, std::vector<std::byte>> made_;  // whole numbers and masks
};

}  // namespace rockmate
