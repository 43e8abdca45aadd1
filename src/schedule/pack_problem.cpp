#include "schedule/pack_problem.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "rockmate/error.h"

namespace rockmate {
namespace {

constexpr Bytes kMostBytes{std::int64_t{1} << 62};

bool takes_room(const PackItem& item) { return item.size > Bytes() && item.begin < item.end; }

void check(std::span<const PackItem> items) {
  Bytes total;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].size < Bytes()) {
      throw InvalidInput(fmt::format("item {} to pack has {} bytes, expected 0 or more", i,
                                     items[i].size.count()));
    }
    if (items[i].size > kMostBytes - total) {
      throw InvalidInput(
          fmt::format("the items to pack have more than 2^62 bytes together (at item {})", i));
    }
    total += items[i].size;
  }
}

// A birth or a death; of those at one time, deaths come first.
struct Event {
  std::size_t time;
  bool is_birth;
  std::uint32_t item;
  friend auto operator<=>(const Event&, const Event&) = default;
};

// Row k of the table has the maxima of 2^k sections from each section on: any range is two of them.
void note_loads(PackProblem& problem) {
  std::vector<std::vector<Bytes>> table = {problem.load};
  for (std::size_t span = 1; 2 * span <= problem.load.size(); span *= 2) {
    const std::vector<Bytes>& half = table.back();
    std::vector<Bytes> row(half.size() - span);
    for (std::size_t s = 0; s < row.size(); ++s) row[s] = std::max(half[s], half[s + span]);
    table.push_back(std::move(row));
  }
  for (Extent& item : problem.items) {
    const auto level = static_cast<std::size_t>(std::bit_width(item.width()) - 1);
    const std::vector<Bytes>& row = table[level];
    item.load = std::max(row[item.first], row[item.last + 1 - (std::size_t{1} << level)]);
  }
}

}  // namespace

PackProblem reduce(std::span<const PackItem> items) {
  check(items);
  PackProblem problem;
  std::vector<Event> events;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!takes_room(items[i])) continue;
    const auto index = static_cast<std::uint32_t>(problem.items.size());
    problem.items.push_back({0, 0, items[i].size, items[i].end - items[i].begin});
    problem.origin.push_back(i);
    events.push_back({items[i].begin, true, index});
    events.push_back({items[i].end, false, index});
  }
  std::sort(events.begin(), events.end());
  // A section is full, as far as sets go, when the first death follows a birth.
  Bytes live;
  std::uint32_t section = 0;
  bool has_grown = false;
  for (const Event& event : events) {
    Extent& item = problem.items[event.item];
    if (event.is_birth) {
      item.first = section;
      live += item.size;
      has_grown = true;
      continue;
    }
    if (has_grown) {
      problem.load.push_back(live);
      problem.bound = std::max(problem.bound, live);
      ++section;
      has_grown = false;
    }
    item.last = section - 1;
    live -= item.size;
  }
  note_loads(problem);
  return problem;
}

Bytes max_load(std::span<const PackItem> items) { return reduce(items).bound; }

}  // namespace rockmate
