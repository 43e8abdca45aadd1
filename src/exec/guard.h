// Holds an engine to its contract (engine.h) while a plan runs, at several times the memory and the
// time. Each run is done twice from the same state, with two different patterns wherever it has no
// business: in dead memory, in its workspace, and in the outputs that it is to write. What differs
// between the two was read without permission or left unwritten; what changed outside its outputs,
// its workspace and the sources it updates was written without permission.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "exec/program.h"

namespace rockmate {

class Guard {
 public:
  /// All three outlive the guard.
  Guard(const TrainingModel& model, const Program& program, std::span<std::byte> memory);

  /// Calls `kernel` twice; the memory is then as after one call, dead memory apart. Throws
  /// InternalError that names the op, the rule and the value.
  void run(const ProgramStep& step, const std::function<void()>& kernel);

 private:
  using Memory = std::vector<std::byte>;
  void poison(const ProgramStep& step, std::size_t pattern);
  void check_untouched(const ProgramStep& step, const Memory& poisoned) const;
  void check_results(const ProgramStep& step, const Memory& first) const;
  void check_place(const ProgramStep& step, const Place& place, const Memory& first) const;
  [[nodiscard]] std::string describe(std::size_t byte, std::size_t action) const;
  [[noreturn]] void accuse(const ProgramStep& step, const std::string& of) const;

  const TrainingModel& model_;
  const Program& program_;
  const std::span<std::byte> memory_;
  Memory before_;  // the memory at the start of the run
};

}  // namespace rockmate
