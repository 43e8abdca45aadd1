// How long this process's threads have waited for a core: what other processes add to a measured
// time.
#pragma once

#include <vector>

#include "rockmate/units.h"

namespace rockmate {

class RunDelay {
 public:
  /// Of the threads that there are now.
  RunDelay();
  ~RunDelay();
  RunDelay(const RunDelay&) = delete;
  RunDelay& operator=(const RunDelay&) = delete;

  /// Sum over the threads, since they began; 0 where the system does not tell. Takes microseconds.
  [[nodiscard]] Seconds total() const;

 private:
  std::vector<int> files_;  // /proc/self/task/N/schedstat
};

}  // namespace rockmate
