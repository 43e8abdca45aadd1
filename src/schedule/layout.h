// Where every byte of a plan lives: storages and workspaces get offsets in one arena.
// Rows that live at one time never overlap, and the arena is at least the peak of the live bytes
// without the static ones.
#pragma once

#include "rockmate/schedule.h"
#include "schedule/packing.h"

namespace rockmate {

/// `target` is a number of arena bytes, the budget less the static bytes.
using LayoutOptions = PackOptions;

/// One row per lifetime of the trace, in their order, then one per workspace. Cost and exceptions
/// are those of `pack`.
[[nodiscard]] Layout lay_out(const MemoryTrace& trace, const LayoutOptions& options = {});

/// What `lay_out` packs, in the order of its rows: inclusive action indices become half-open.
[[nodiscard]] std::vector<PackItem> items_of(const MemoryTrace& trace);

}  // namespace rockmate
