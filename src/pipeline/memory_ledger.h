// What lies in one rank's memory over time. Changes come in the order of the rank's row; only what
// a transfer releases comes with a time of its own. Changes at one moment keep the order of the
// actions that cause them, so that an action of no duration still shows in the peak.
#pragma once

#include <cstdint>
#include <vector>

#include "rockmate/pipeline.h"

namespace rockmate {

class MemoryLedger {
 public:
  /// From `time` on there are `bytes` more, or less; `action` is the place in the row of the one
  /// that causes it.
  void add(Seconds time, std::size_t action, Bytes bytes) {
    if (bytes != Bytes()) changes_.push_back({time, action, bytes});
  }
  /// Writes `memory` and `peak`, above static bytes that are already there.
  void close(RankTrace& trace) &&;

 private:
  struct Change {
    Seconds time;
    std::size_t action = 0;
    Bytes bytes;
  };
  std::vector<Change> changes_;
};

}  // namespace rockmate
