// A program in memory, with the engine's kernels: runs it from the first action to the last, as
// often as it is asked to. Knows values by number only; names and data are the Executor's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "exec/arena.h"
#include "exec/engine.h"
#include "exec/guard.h"
#include "exec/program.h"
#include "rockmate/executor.h"

namespace rockmate {

class Machine {
 public:
  /// With memory of its own. The model outlives the machine. Throws InvalidInput where the engine
  /// does, and where the plan leaves an op less workspace than the engine needs.
  Machine(const TrainingModel& model, Program program, const Engine& engine, bool guarded);
  /// In the memory of another machine, which outlives this one.
  Machine(const TrainingModel& model, Program program, const Engine& engine, const Machine& other);

  void run(std::uint64_t seed, std::uint64_t step, double rate, const Observer& observer);

  [[nodiscard]] const Program& program() const { return program_; }
  [[nodiscard]] std::span<std::byte> at(const Place& place) const;
  /// From the next run on, times every call of a kernel.
  void time_ops();
  /// Of the last run.
  [[nodiscard]] std::span<const OpTime> op_times() const { return op_times_; }

  [[nodiscard]] Bytes high_water() const { return arena_->high_water(); }

 private:
  struct Call {
    PreparedKernel* kernel;  // null: a view
    std::vector<TensorRef> inputs, outputs;
    std::span<std::byte> workspace;
  };
  void prepare(const Engine& engine);
  [[nodiscard]] Call call_of(ProgramStep& step, const Engine& engine);
  void observe(const ProgramStep& step, const Observer& observer) const;

  const TrainingModel& model_;
  Program program_;
  std::optional<Arena> arena_;   // its own memory
  std::span<std::byte> memory_;  // that it runs in
  IdVector<OpId, std::unique_ptr<PreparedKernel>> kernels_;
  std::vector<Call> calls_;  // one per step of the program
  std::optional<Guard> guard_;
  std::vector<OpTime> op_times_;  // one per call of a kernel; empty: nobody asked
};

}  // namespace rockmate
