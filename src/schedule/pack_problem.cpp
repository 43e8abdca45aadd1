#include "schedule/pack_problem.h"

#include <fmt/format.h>

#include <algorithm>

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

}  // namespace

PackProblem reduce(std::span<const PackItem> items) {
  check(items);
  PackProblem problem;
  std::vector<Event> events;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!takes_room(items[i])) continue;
    const auto index = static_cast<std::uint32_t>(problem.items.size());
    problem.items.push_back({0, 0, items[i].size});
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
  return problem;
}

Bytes max_load(std::span<const PackItem> items) { return reduce(items).bound; }

}  // namespace rockmate
