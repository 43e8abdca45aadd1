#include "pipeline/memory_ledger.h"

#include <algorithm>
#include <tuple>

namespace rockmate {

void MemoryLedger::close(RankTrace& trace) && {
  // Stable: an action takes before it gives back.
  std::stable_sort(changes_.begin(), changes_.end(), [](const Change& x, const Change& y) {
    return std::tie(x.time, x.action) < std::tie(y.time, y.action);
  });
  Bytes bytes = trace.static_bytes;
  trace.peak = bytes;
  trace.memory.push_back({Seconds(), bytes});
  for (const Change& change : changes_) {
    bytes += change.bytes;
    trace.peak = std::max(trace.peak, bytes);
    if (trace.memory.back().time == change.time) {
      trace.memory.back().bytes = bytes;
    } else {
      trace.memory.push_back({change.time, bytes});
    }
  }
}

}  // namespace rockmate
