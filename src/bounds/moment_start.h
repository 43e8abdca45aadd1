// From what is kept across a moment to a plan in the rough, for a search to start from.
#pragma once

#include <set>

#include "bounds/moment.h"
#include "schedule/runs.h"

namespace rockmate {

/// Program order, in which each storage that the set leaves out and that can be made again dies at
/// the op's first run and is made again just before its next use, with all that this takes. Where a
/// value cannot be made again any more (its op reads what was updated), it is kept after all.
/// Executable; it need not fit any budget.
[[nodiscard]] Runs start_from_moment(const MomentFacts& facts, OpId moment,
                                     const std::set<ValueId>& kept);

}  // namespace rockmate
