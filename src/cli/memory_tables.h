// Where the bytes are: by kind of value, and value by value, at one moment of a schedule.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rockmate/schedule.h"

namespace rockmate::cli {

/// The words of the value kinds, "parameter gradients", for the first column of tables.
[[nodiscard]] std::string plural(ValueKind kind);

/// What lives at the peak. The rows of `static_by_kind`, `made_by_kind` and `workspace` add up to
/// the trace's peak.
struct PeakMoment {
  std::optional<OpId> op;  ///< nothing where the sources alone are the peak
  std::map<ValueKind, Bytes> static_by_kind;
  std::map<ValueKind, Bytes> made_by_kind;
  Bytes workspace;
  std::vector<StorageLifetime> made;  ///< largest first
};

[[nodiscard]] PeakMoment peak_moment(const TrainingGraph& graph, const Schedule& schedule,
                                     const MemoryTrace& trace);

/// A table of `moment` by kind, with its sum.
[[nodiscard]] std::string kinds_table(const PeakMoment& moment, Bytes peak);
/// A table of the largest values at the moment.
[[nodiscard]] std::string values_table(const TrainingGraph& graph, const PeakMoment& moment,
                                       Bytes peak);

}  // namespace rockmate::cli
