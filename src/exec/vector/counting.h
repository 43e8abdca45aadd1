// What an op issues, counted without running it: its kernels go through their loops on dry cores.
#pragma once

#include <string>
#include <vector>

#include "exec/vector/kernel.h"
#include "rockmate/vector_engine.h"

namespace rockmate::vector {

struct CountedLaunch {
  std::string kernel;
  long tasks;
  std::vector<ve::Counters> cores;  ///< each with an equal share of the tasks
};

/// The time of a launch, under the roofs. `fits_cache`: what it reads and writes.
[[nodiscard]] ModelledLaunch model_launch(const CountedLaunch& launch, const VectorDevice& device,
                                          bool fits_cache);

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
