// The judge of whole plans, whoever made them. Like `simulate` it shares nothing with planners and
// takes no figure on trust.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include "base/shown.h"
#include "rockmate/schedule.h"

namespace rockmate {
namespace {

Violation broken(std::string message) { return {std::nullopt, std::move(message)}; }

std::string describe(const TrainingGraph& graph, const LayoutRow& row) {
  return row.is_workspace ? fmt::format("the workspace of action {}", row.first)
                          : fmt::format("'{}' from action {} to {}", shown(graph[row.value].name),
                                        row.first, row.last);
}

// What a row is about. A storage can live several times, so its name alone does not tell.
using Key = std::tuple<bool, ValueId, std::size_t, std::size_t>;

Key key_of(const LayoutRow& row) {
  return row.is_workspace ? Key(true, ValueId(), row.first, row.first)
                          : Key(false, row.value, row.first, row.last);
}

// Every lifetime and workspace, and the bytes that it needs.
std::map<Key, Bytes> wanted_rows(const MemoryTrace& trace) {
  std::map<Key, Bytes> wanted;
  for (const StorageLifetime& l : trace.lifetimes) {
    if (l.bytes > Bytes()) wanted[{false, l.value, l.first, l.last}] = l.bytes;
  }
  for (const WorkspaceUse& w : trace.workspaces) {
    if (w.bytes > Bytes()) wanted[{true, ValueId(), w.action, w.action}] = w.bytes;
  }
  return wanted;
}

bool needs_no_address(const TrainingGraph& graph, const LayoutRow& row) {
  return !row.is_workspace && graph[row.value].bytes == Bytes();
}

std::optional<Violation> check_row(const TrainingGraph& graph, const LayoutRow& row,
                                   std::map<Key, Bytes>& wanted) {
  const auto it = wanted.find(key_of(row));
  if (it == wanted.end()) {
    return broken(fmt::format(
        "layout: {} is not the lifetime of a storage or workspace of this plan, or stands twice",
        describe(graph, row)));
  }
  if (row.bytes < it->second) {
    return broken(fmt::format("layout: {} has {} bytes, expected at least {}", describe(graph, row),
                              row.bytes.count(), it->second.count()));
  }
  if (row.offset < Bytes() ||
      row.offset.count() > std::numeric_limits<std::int64_t>::max() - row.bytes.count()) {
    return broken(fmt::format("layout: {} has the offset {}, expected 0 to 2^63 - 1 - bytes",
                              describe(graph, row), row.offset.count()));
  }
  wanted.erase(it);
  return std::nullopt;
}

// Time moves over the rows' first and last actions; those alive at one time are kept by offset,
// where only neighbours can overlap as long as none does.
std::optional<Violation> find_overlap(const TrainingGraph& graph,
                                      const std::vector<const LayoutRow*>& rows) {
  std::vector<std::tuple<std::size_t, bool, const LayoutRow*>> events;  // at one time, ends first
  for (const LayoutRow* row : rows) {
    events.emplace_back(row->first, true, row);
    events.emplace_back(row->last + 1, false, row);
  }
  std::stable_sort(events.begin(), events.end(), [](const auto& a, const auto& b) {
    return std::pair(std::get<0>(a), std::get<1>(a)) < std::pair(std::get<0>(b), std::get<1>(b));
  });
  std::map<Bytes, const LayoutRow*> alive;
  for (const auto& [time, begins, row] : events) {
    if (!begins) {
      alive.erase(row->offset);
      continue;
    }
    const auto above = alive.lower_bound(row->offset);
    const LayoutRow* other = nullptr;
    if (above != alive.end() && above->first < row->offset + row->bytes) other = above->second;
    if (above != alive.begin()) {
      const LayoutRow* below = std::prev(above)->second;
      if (row->offset < below->offset + below->bytes) other = below;
    }
    if (other != nullptr) {
      return broken(
          fmt::format("layout: {} overlaps {}", describe(graph, *row), describe(graph, *other)));
    }
    alive.emplace(row->offset, row);
  }
  return std::nullopt;
}

std::optional<Violation> compare_bytes(const char* key, std::optional<Bytes> stated, Bytes found) {
  if (!stated || *stated == found) return std::nullopt;
  return broken(fmt::format("the plan states {} = {}, the judge finds {}", key, stated->count(),
                            found.count()));
}

std::optional<Violation> compare(const char* key, double stated, double found, double tolerance) {
  if (std::abs(stated - found) <= tolerance) return std::nullopt;
  return broken(fmt::format("the plan states {} = {}, the judge finds {}", key, stated, found));
}

std::optional<Violation> check_figures(const TrainingGraph& graph, const PlanDocument& plan,
                                       const MemoryTrace& trace) {
  const StatedFigures& stated = plan.stated;
  if (stated.arena && !plan.layout) {
    return broken("the plan states arena_bytes but has no layout");
  }
  const Bytes arena = plan.layout ? plan.layout->arena_bytes : Bytes();
  if (auto wrong = compare_bytes("peak_bytes", stated.peak, trace.peak)) return wrong;
  if (auto wrong = compare_bytes("static_bytes", stated.static_bytes, trace.static_bytes)) {
    return wrong;
  }
  if (auto wrong = compare_bytes("arena_bytes", stated.arena, arena)) return wrong;
  const double seconds = trace.seconds.count();
  if (stated.seconds) {
    const double tolerance = 1e-9 + 1e-6 * seconds;
    if (auto wrong = compare("seconds", stated.seconds->count(), seconds, tolerance)) return wrong;
  }
  if (stated.overhead) {
    const double found = overhead(graph, trace.seconds);
    if (auto wrong = compare("overhead", *stated.overhead, found, 1e-6)) return wrong;
  }
  if (stated.lower_bound && stated.lower_bound->count() > seconds * (1 + 1e-6) + 1e-9) {
    return broken(fmt::format("the plan states lower_bound_seconds = {}, more than its own {}",
                              stated.lower_bound->count(), seconds));
  }
  return std::nullopt;
}

// A sum that no number holds is more than any budget.
Bytes sum_or_most(Bytes a, Bytes b) {
  std::int64_t sum = 0;
  const bool overflows = __builtin_add_overflow(a.count(), b.count(), &sum);
  return Bytes(overflows ? std::numeric_limits<std::int64_t>::max() : sum);
}

Bytes needed_bytes(Bytes peak, Bytes static_bytes, const std::optional<Layout>& layout) {
  return std::max(peak, sum_or_most(static_bytes, layout ? layout->arena_bytes : Bytes()));
}

}  // namespace

Bytes Plan::needed() const { return needed_bytes(peak, static_bytes, layout); }

double overhead(const TrainingGraph& graph, Seconds seconds) {
  const double plain = graph.plain_seconds().count();
  return plain == 0 ? 0 : seconds.count() / plain - 1;
}

std::optional<Violation> check_layout(const TrainingGraph& graph, const MemoryTrace& trace,
                                      const Layout& layout) {
  std::map<Key, Bytes> wanted = wanted_rows(trace);
  std::vector<const LayoutRow*> rows;
  Bytes arena;
  for (const LayoutRow& row : layout.rows) {
    if (needs_no_address(graph, row)) continue;
    if (auto violation = check_row(graph, row, wanted)) return violation;
    arena = std::max(arena, row.offset + row.bytes);
    rows.push_back(&row);
  }
  if (!wanted.empty()) {
    LayoutRow missing;
    std::tie(missing.is_workspace, missing.value, missing.first, missing.last) =
        wanted.begin()->first;
    return broken(fmt::format("layout: no row for {}", describe(graph, missing)));
  }
  if (auto violation = find_overlap(graph, rows)) return violation;
  return compare_bytes("arena_bytes", layout.arena_bytes, arena);
}

Expected<MemoryTrace, Violation> judge(const TrainingGraph& graph, const PlanDocument& plan,
                                       std::optional<Bytes> budget) {
  Expected<MemoryTrace, Violation> trace = simulate(graph, plan.schedule);
  if (!trace) return trace;
  if (plan.layout) {
    if (auto violation = check_layout(graph, *trace, *plan.layout)) return Unexpected{*violation};
  }
  const std::optional<Bytes> limit = budget ? budget : plan.stated.budget;
  const Bytes needed = needed_bytes(trace->peak, trace->static_bytes, plan.layout);
  if (limit && needed > *limit) {
    return Unexpected{
        broken(fmt::format("needs {} bytes, the budget is {}", needed.count(), limit->count()))};
  }
  if (auto violation = check_figures(graph, plan, *trace)) return Unexpected{*violation};
  return trace;
}

}  // namespace rockmate
