#include "schedule/layout.h"

namespace rockmate {

std::vector<PackItem> items_of(const MemoryTrace& trace) {
  std::vector<PackItem> items;
  items.reserve(trace.lifetimes.size() + trace.workspaces.size());
  for (const StorageLifetime& lifetime : trace.lifetimes) {
    items.push_back({lifetime.first, lifetime.last + 1, lifetime.bytes});
  }
  for (const WorkspaceUse& use : trace.workspaces) {
    items.push_back({use.action, use.action + 1, use.bytes});
  }
  return items;
}

Layout lay_out(const MemoryTrace& trace, const LayoutOptions& options) {
  const Packing packing = pack(items_of(trace), options);
  Layout layout;
  layout.arena_bytes = packing.height;
  layout.rows.reserve(packing.offsets.size());
  auto offset = packing.offsets.begin();
  for (const StorageLifetime& lifetime : trace.lifetimes) {
    layout.rows.push_back(
        {false, lifetime.value, lifetime.first, lifetime.last, *offset++, lifetime.bytes});
  }
  for (const WorkspaceUse& use : trace.workspaces) {
    layout.rows.push_back({true, {}, use.action, use.action, *offset++, use.bytes});
  }
  return layout;
}

}  // namespace rockmate
