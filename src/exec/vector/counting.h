// What an op issues, counted without running it: its kernels go through their loops on dry cores.
#pragma once

#include <string>
#include <vector>

#include "exec/vector/kernel.h"

namespace rockmate::vector {

struct CountedLaunch {
  std::string kernel;
  long tasks;
  std::vector<ve::Counters> cores;  ///< each with an equal share of the tasks
};

/// All launches of one run that makes all outputs. Throws as `prepare` does.
[[nodiscard]] std::vector<CountedLaunch> count_launches(const KernelSpec& spec, int cores);

/// The tasks of one core of several: contiguous, and as equal as can be.
struct Share {
  long begin, end;
};
[[nodiscard]] constexpr Share share_of(long tasks, int core, int cores) {
  return {tasks * core / cores, tasks * (core + 1) / cores};
}

}  // namespace rockmate::vector
