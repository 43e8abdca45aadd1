#include "schedule/pack_greedy.h"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <numeric>

namespace rockmate {
namespace {

// Placed items by rising offset, in runs of bounded length: an insertion moves one run only. Most
// placed items do not meet the one that looks for a place, so a scan passes over eight of them at
// once where it can; columns instead of rows let the compiler do that with vector instructions.
class PlacedItems {
 public:
  explicit PlacedItems(std::size_t expected) { runs_.reserve(expected / (kRun / 2) + 1); }

  // The lowest offset at which `item` meets nothing.
  [[nodiscard]] Bytes lowest_fit(const Extent& item, WorkMeter& work) const {
    const auto first = static_cast<std::int32_t>(item.first);
    const auto last = static_cast<std::int32_t>(item.last);
    Bytes top;
    for (const auto& run : runs_) {
      work.spend(run->count);
      for (std::size_t k = 0; k < run->count; k += kLanes) {
        if (!run->any_meets(k, first, last)) continue;
        const std::size_t end = std::min(run->count, k + kLanes);
        for (std::size_t p = k; p < end; ++p) {
          if (run->first[p] > last || run->last[p] < first) continue;
          if (run->offset[p] - top >= item.size) return top;
          top = std::max(top, run->end[p]);
        }
      }
    }
    return top;
  }

  void insert(const Extent& item, Bytes offset) {
    if (runs_.empty()) runs_.push_back(std::make_unique<Run>());
    const auto after =
        std::upper_bound(runs_.begin() + 1, runs_.end(), offset,
                         [](Bytes at, const auto& run) { return at < run->offset[0]; });
    const std::unique_ptr<Run>& run = *(after - 1);
    run->insert(item, offset);
    if (run->count == kRun) runs_.insert(after, run->split());
  }

 private:
  static constexpr std::size_t kRun = 256;
  static constexpr std::size_t kLanes = 8;
  static constexpr std::int32_t kNever = std::numeric_limits<std::int32_t>::max();

  struct Run {
    std::size_t count = 0;
    std::array<std::int32_t, kRun> first;  // past `count`: kNever, which meets nothing
    std::array<std::int32_t, kRun> last;
    std::array<Bytes, kRun> offset;
    std::array<Bytes, kRun> end;

    Run() {
      first.fill(kNever);
      last.fill(-1);
    }

    [[nodiscard]] bool any_meets(std::size_t from, std::int32_t item_first,
                                 std::int32_t item_last) const {
      int any = 0;
      for (std::size_t p = from; p < from + kLanes; ++p) {
        any |= int{first[p] <= item_last} & int{last[p] >= item_first};
      }
      return any != 0;
    }

    void insert(const Extent& item, Bytes at) {
      const auto place = static_cast<std::size_t>(
          std::upper_bound(offset.begin(), offset.begin() + count, at) - offset.begin());
      const auto put = [&](auto& column, auto value) {
        std::move_backward(column.begin() + place, column.begin() + count,
                           column.begin() + count + 1);
        column[place] = value;
      };
      put(first, static_cast<std::int32_t>(item.first));
      put(last, static_cast<std::int32_t>(item.last));
      put(offset, at);
      put(end, at + item.size);
      ++count;
    }

    // Moves the upper half out.
    std::unique_ptr<Run> split() {
      auto upper = std::make_unique<Run>();
      const auto move_half = [&](auto& from, auto& to) {
        std::copy(from.begin() + kRun / 2, from.begin() + count, to.begin());
      };
      move_half(first, upper->first);
      move_half(last, upper->last);
      move_half(offset, upper->offset);
      move_half(end, upper->end);
      upper->count = count - kRun / 2;
      count = kRun / 2;
      std::fill(first.begin() + count, first.end(), kNever);
      std::fill(last.begin() + count, last.end(), -1);
      return upper;
    }
  };

  std::vector<std::unique_ptr<Run>> runs_;
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
    placed.insert(item, offset);
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
