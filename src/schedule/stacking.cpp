// The order is any one in which an item comes after all that it lies above. Upwards through it, an
// item's lowest offset is the highest level of the skyline over its sections; downwards, its
// highest offset likewise. Sections, not pairs: one pass costs the sum of the widths, which the
// compiler handles several at a time.
//
// Where does a new item go? Call those *low* that can end at or below its offset x. What lies below
// a low item is low as well, so the order stays one when it is parted: the low ones, the new item,
// the others. Of the others, who meets the new item must be able to lie above it; who cannot is in
// its way. The lowest offsets of the low ones stay as they are, and so do the highest offsets of
// all that comes after the last one taken out.
#include "schedule/stacking.h"

#include <algorithm>
#include <numeric>

namespace rockmate {
namespace {

constexpr std::int64_t kMostUnits = std::int64_t{1} << 30;

std::int64_t unit_of(const PackProblem& problem, Bytes capacity) {
  std::int64_t divisor = 0;
  for (const Extent& item : problem.items) divisor = std::gcd(divisor, item.size.count());
  divisor = std::max<std::int64_t>(divisor, 1);
  return divisor * (capacity.count() / divisor / kMostUnits + 1);
}

void sort_by_place(std::vector<std::uint64_t>& keys, std::vector<PlacedEnd>& out) {
  std::sort(keys.begin(), keys.end());
  out.clear();
  for (const std::uint64_t key : keys) {
    out.push_back({static_cast<std::int64_t>(key >> 32), static_cast<std::uint32_t>(key)});
  }
}

}  // namespace

Stacking::Stacking(const PackProblem& problem, Bytes capacity)
    : unit_(unit_of(problem, capacity)),
      capacity_(static_cast<std::int32_t>(capacity.count() / unit_)),
      lowest_(problem.items.size()),
      highest_(problem.items.size()),
      skyline_(problem.load.size()) {
  std::uint64_t widths = 0;
  for (const Extent& item : problem.items) {
    const std::int64_t units = item.size.count() / unit_ + (item.size.count() % unit_ != 0 ? 1 : 0);
    size_.push_back(static_cast<std::int32_t>(std::min(units, 2 * kMostUnits - 1)));
    first_.push_back(static_cast<std::int32_t>(item.first));
    last_.push_back(static_cast<std::int32_t>(item.last));
    widths += item.width();
  }
  work_ = 4 * problem.items.size() + widths / 4;
}

std::vector<std::uint32_t> Stacking::fill(const std::vector<Bytes>& offsets) {
  order_.resize(size_.size());
  std::iota(order_.begin(), order_.end(), 0U);
  std::stable_sort(order_.begin(), order_.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return offsets[a] < offsets[b]; });
  const auto ends_above = [&](std::uint32_t i) {
    return offsets[i].count() / unit_ + size_[i] > capacity_;
  };
  std::erase_if(order_, ends_above);
  push_down(0);
  // Sizes that were rounded up may have made a stack too high.
  const auto too_high = [&](std::uint32_t i) { return lowest_[i] + size_[i] > capacity_; };
  if (std::erase_if(order_, too_high) > 0) push_down(0);
  push_up(order_.size());
  std::vector<char> is_inside(size_.size());
  for (const std::uint32_t i : order_) is_inside[i] = true;
  std::vector<std::uint32_t> outside;
  for (std::uint32_t i = 0; i < size_.size(); ++i) {
    if (!is_inside[i]) outside.push_back(i);
  }
  return outside;
}

void Stacking::obstacles(std::uint32_t item, std::vector<PlacedEnd>& lower,
                         std::vector<PlacedEnd>& upper) {
  // Without branches, which nobody could predict.
  above_.resize(order_.size() + 1);
  std::size_t count = 0;
  const std::int32_t first = first_[item], last = last_[item], size = size_[item];
  for (const std::uint32_t j : order_) {
    above_[count] = j;
    count += static_cast<std::size_t>(int{first_[j] <= last} & int{first <= last_[j]} &
                                      int{highest_[j] - size < lowest_[j] + size_[j]});
  }
  above_.resize(count);
  const auto key = [](std::int32_t at, std::uint32_t j) {
    return static_cast<std::uint64_t>(at) << 32 | j;
  };
  keys_.clear();
  for (const std::uint32_t j : above_) keys_.push_back(key(highest_[j], j));
  sort_by_place(keys_, lower);
  keys_.clear();
  for (const std::uint32_t j : above_) keys_.push_back(key(lowest_[j] + size_[j], j));
  sort_by_place(keys_, upper);
}

void Stacking::insert(std::uint32_t item, std::int32_t offset, std::vector<std::uint32_t>& out) {
  above_.clear();
  std::size_t low = 0;
  std::size_t unsettled = 0;  // of those above: up to the last one taken out
  for (const std::uint32_t j : order_) {
    if (lowest_[j] + size_[j] <= offset) {
      order_[low++] = j;
    } else if (meets(item, j) && highest_[j] < offset + size_[item]) {
      out.push_back(j);
      unsettled = above_.size();
    } else {
      above_.push_back(j);
    }
  }
  order_.resize(low);
  order_.push_back(item);
  order_.insert(order_.end(), above_.begin(), above_.end());
  push_down(low);
  push_up(low + 1 + unsettled);
}

void Stacking::cover(std::uint32_t item, std::int32_t level) {
  std::fill(skyline_.begin() + first_[item], skyline_.begin() + last_[item] + 1, level);
}

// The first `known` lie lowest where they are noted.
void Stacking::push_down(std::size_t known) {
  std::fill(skyline_.begin(), skyline_.end(), 0);
  for (std::size_t k = 0; k < known; ++k) cover(order_[k], lowest_[order_[k]] + size_[order_[k]]);
  for (std::size_t k = known; k < order_.size(); ++k) {
    const std::uint32_t i = order_[k];
    std::int32_t level = 0;
    for (std::int32_t s = first_[i]; s <= last_[i]; ++s) {
      level = std::max(level, skyline_[static_cast<std::size_t>(s)]);
    }
    lowest_[i] = level;
    cover(i, level + size_[i]);
  }
}

// Those from `known` on lie highest where they are noted.
void Stacking::push_up(std::size_t known) {
  std::fill(skyline_.begin(), skyline_.end(), capacity_);
  for (std::size_t k = order_.size(); k-- > known;) cover(order_[k], highest_[order_[k]]);
  for (std::size_t k = known; k-- > 0;) {
    const std::uint32_t i = order_[k];
    std::int32_t level = capacity_;
    for (std::int32_t s = first_[i]; s <= last_[i]; ++s) {
      level = std::min(level, skyline_[static_cast<std::size_t>(s)]);
    }
    highest_[i] = level - size_[i];
    cover(i, highest_[i]);
  }
}

std::vector<Bytes> Stacking::offsets() const {
  std::vector<Bytes> offsets(size_.size());
  for (const std::uint32_t i : order_) offsets[i] = Bytes(lowest_[i] * unit_);
  return offsets;
}

}  // namespace rockmate
