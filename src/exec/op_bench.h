// Measures ops one by one, each as it would run within a step.
//
// What a run takes depends on where its tensors lie. Within a step, what the op before has just
// written is still in the caches of the cores; everything else (weights, what the forward pass has
// saved, the memory of the outputs) was touched long ago. So an op has several copies of its
// tensors, which take turns and together exceed the cores' caches; and before a run, what the op
// before would have made is written by the same threads, which also are awake then as they would
// be. Tried and rejected: the same buffers again and again (small ops look up to several times
// faster than they are), and copies alone (the readers of what was just made look slower).
//
// Elements are made up: floating-point numbers between 1/4 and 3/4, so that no op meets denormals,
// infinities or roots of negative numbers. Whole numbers and masks choose addresses, so they are
// genuine: sources are drawn as in training, others are made by the ops that make them.
#pragma once

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
  /// Model and engine outlive the bench.
  OpBench(const TrainingModel& model, const Engine& engine, int threads);
  ~OpBench();

  /// The median of several runs; of those that no other process has interrupted, if there are
  /// enough. At least one, and no further one after `limit`.
  [[nodiscard]] Seconds measure(OpId op, Seconds limit);

 private:
  class Tensors;
  void fill(ValueId value, std::span<std::byte> to);
  [[nodiscard]] std::span<const std::byte> made(ValueId value);
  [[nodiscard]] std::vector<std::size_t> just_made(OpId op) const;
  void touch(std::span<std::byte> bytes) const;
  [[nodiscard]] std::span<std::byte> memory(Bytes bytes);

  const TrainingModel& model_;
  const Engine& engine_;
  int threads_;
  Bytes caches_;                                    // of the cores: what the copies of an op exceed
  std::unique_ptr<Arena> arena_;                    // as large as any op has needed so far
  std::map<ValueId, std::vector<std::byte>> made_;  // whole numbers and masks
};

}  // namespace rockmate
