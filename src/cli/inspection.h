// What `inspect` finds out about a model: its ops, its values, the plain iteration's peak.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "bounds/memory_floor.h"
#include "cli/block_summary.h"
#include "cli/memory_tables.h"
#include "cli/model.h"
#include "rockmate/schedule.h"

namespace rockmate::cli {

struct OpTotals {
  std::size_t count = 0;
  std::size_t recomputable = 0;
  Seconds seconds;
};

struct ValueTotals {
  std::size_t count = 0;
  Bytes bytes;  ///< views have none
};

struct Inspection {
  const TrainingGraph& graph;
  const std::optional<ForwardFigures>& forward;
  std::map<Phase, OpTotals> ops;
  std::map<ValueKind, ValueTotals> values;
  Bytes plain_peak;
  PeakMoment plain;  ///< the plain iteration at its peak
  MemoryFloor floor;
  BlockSummary blocks;
};

/// As costly as `memory_floor` and `choose_cuts`. The model must outlive the answer.
[[nodiscard]] Inspection inspect(const Model& model);

[[nodiscard]] std::string report(const Inspection& inspection);
[[nodiscard]] nlohmann::ordered_json to_json(const Inspection& inspection);

}  // namespace rockmate::cli
