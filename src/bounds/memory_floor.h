// The memory floor: bytes that no schedule of the graph can do without, and the op that needs them.
// It never exceeds the least peak that any valid schedule has.
#pragma once

#include <optional>
#include <vector>

#include "rockmate/training_graph.h"

namespace rockmate {

struct MemoryFloor {
  Bytes bytes;             ///< static bytes and the least workspace included
  std::optional<OpId> op;  ///< during whose first run; absent if it is the end of the iteration
  std::vector<ValueId> values;  ///< storages that live then, sources apart, by falling bytes
};

/// Time: ops / 64 passes over the graph, plus the pairs of an op and a value that must be live
/// there.
[[nodiscard]] MemoryFloor memory_floor(const TrainingGraph& graph);

}  // namespace rockmate
