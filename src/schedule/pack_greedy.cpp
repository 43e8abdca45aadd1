#include "schedule/pack_greedy.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace rockmate {
namespace {

// An item that has its place.
struct Placed {
  std::uint32_t first;
  std::uint32_t last;
  Bytes offset;
  Bytes end;
};

// Placed items by rising offset, in runs of bounded length: a scan is one pass over memory, and an
// insertion moves one run only, which is what keeps a hundred thousand items bearable.
class PlacedItems {
 public:
  explicit PlacedItems(std::size_t expected) { runs_.reserve(expected / (kRun / 2) + 1); }

  // The lowest offset at which `item` meets nothing.
  [[nodiscard]] Bytes lowest_fit(const Extent& item, WorkMeter& work) const {
    Bytes top;
    for (const Run& run : runs_) {
      if (run.first > item.last || item.first > run.last) continue;
      work.spend(run.items.size());
      for (const Placed& placed : run.items) {
        if (placed.first > item.last || item.first > placed.last) continue;
        if (placed.offset - top >= item.size) return top;
        top = std::max(top, placed.end);
      }
    }
    return top;
  }

  void insert(const Placed& placed) {
    if (runs_.empty()) runs_.emplace_back();
    const auto after = std::upper_bound(
        runs_.begin() + 1, runs_.end(), placed.offset,
        [](Bytes offset, const Run& run) { return offset < run.items.front().offset; });
    Run& run = *(after - 1);
    const auto at =
        std::upper_bound(run.items.begin(), run.items.end(), placed.offset,
                         [](Bytes offset, const Placed& other) { return offset < other.offset; });
    run.items.insert(at, placed);
    run.first = std::min(run.first, placed.first);
    run.last = std::max(run.last, placed.last);
    if (run.items.size() > kRun) split(static_cast<std::size_t>(after - 1 - runs_.begin()));
  }

 private:
  static constexpr std::size_t kRun = 256;
  struct Run {
    std::uint32_t first = UINT32_MAX;  // of all its items: a run that misses an item is skipped
    std::uint32_t last = 0;
    std::vector<Placed> items = {};
    void extend_over(const Placed& placed) {
      first = std::min(first, placed.first);
      last = std::max(last, placed.last);
    }
  };

  void split(std::size_t index) {
    Run& full = runs_[index];
    Run low, high;
    const auto middle = full.items.begin() + kRun / 2;
    low.items.assign(full.items.begin(), middle);
    high.items.assign(middle, full.items.end());
    for (const Placed& placed : low.items) low.extend_over(placed);
    for (const Placed& placed : high.items) high.extend_over(placed);
    full = std::move(low);
    runs_.insert(runs_.begin() + static_cast<std::ptrdiff_t>(index) + 1, std::move(high));
  }

  std::vector<Run> runs_;
};

// Sorted by falling keys; among equals the caller's order decides.
using Keys = std::array<double, 2>;

Keys keys_of(const Extent& item, PackRule rule) {
  const auto size = static_cast<double>(item.size.count());
  const auto duration = static_cast<double>(item.duration);
  switch (rule) {
    case PackRule::kSize:
      return {size, duration};
    case PackRule::kDuration:
      return {duration, size};
    case PackRule::kArea:
      return {size * duration, duration};
    case PackRule::kLoad:
      return {static_cast<double>(item.load.count()), size};
    case PackRule::kBirth:
      return {-static_cast<double>(item.first), duration};
    case PackRule::kDeath:
      return {static_cast<double>(item.last), duration};
  }
  return {};
}

}  // namespace

Placement place_in_order(const PackProblem& problem, const PackOrder& order, WorkMeter& work) {
  Placement placement{std::vector<Bytes>(problem.items.size()), {}};
  PlacedItems placed(problem.items.size());
  for (const std::uint32_t i : order) {
    const Extent& item = problem.items[i];
    const Bytes offset = placed.lowest_fit(item, work);
    placed.insert({item.first, item.last, offset, offset + item.size});
    placement.offsets[i] = offset;
    placement.height = std::max(placement.height, offset + item.size);
  }
  return placement;
}

PackOrder order_by(const PackProblem& problem, PackRule rule) {
  std::vector<Keys> keys;
  keys.reserve(problem.items.size());
  for (const Extent& item : problem.items) keys.push_back(keys_of(item, rule));
  PackOrder order(problem.items.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return keys[a] > keys[b]; });
  return order;
}

}  // namespace rockmate
