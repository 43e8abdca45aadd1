#include "search/memory_profile.h"

#include <algorithm>

#include "base/check.h"

namespace rockmate::search {
namespace {
constexpr char kLazyOnly = 1;
constexpr char kSlots = 2;
}  // namespace

void MemoryProfile::reset(std::size_t slots, double budget, double margin) {
  ROCKMATE_CHECK(slots % kBlock == 0);
  budget_ = budget;
  margin_ = margin;
  total_excess_ = 0;
  total_crowding_ = 0;
  live_.assign(slots, 0);
  extra_.assign(slots, kNoRun);
  const std::size_t blocks = slots / kBlock;
  lazy_.assign(blocks, 0);
  peak_.assign(blocks, kNoRun);
  excess_.assign(blocks, 0);
  crowding_.assign(blocks, 0);
  changed_.assign(blocks, 0);
  touched_.clear();
}

void MemoryProfile::touch(std::size_t block) {
  if (changed_[block] == 0) touched_.push_back(block);
  changed_[block] = kSlots;
}

void MemoryProfile::set_live(std::size_t slot, double bytes) {
  const std::size_t block = slot / kBlock;
  live_[slot] = bytes - lazy_[block];
  touch(block);
}

void MemoryProfile::set_extra(std::size_t slot, double bytes) {
  extra_[slot] = bytes;
  touch(slot / kBlock);
}

void MemoryProfile::add(std::size_t first, std::size_t last, double bytes) {
  const auto add_slots = [&](std::size_t from, std::size_t to) {
    for (std::size_t slot = from; slot < to; ++slot) live_[slot] += bytes;
    touch(from / kBlock);
  };
  while (first < last) {
    const std::size_t block = first / kBlock;
    const std::size_t end = std::min(last, (block + 1) * kBlock);
    if (end - first < kBlock) {
      add_slots(first, end);
    } else {
      lazy_[block] += bytes;
      if (changed_[block] == 0) {
        touched_.push_back(block);
        changed_[block] = kLazyOnly;
      }
    }
    first = end;
  }
}

void MemoryProfile::rescan(std::size_t block) {
  // Four partial sums, which is what the compiler needs to use vector registers.
  const double* live = live_.data() + block * kBlock;
  const double* extra = extra_.data() + block * kBlock;
  const double limit = budget_ - lazy_[block];
  double peak[4] = {kNoRun, kNoRun, kNoRun, kNoRun};
  double excess[4] = {0, 0, 0, 0};
  double crowding[4] = {0, 0, 0, 0};
  for (std::size_t k = 0; k < kBlock; k += 4) {
    for (std::size_t j = 0; j < 4; ++j) {
      const double used = live[k + j] + extra[k + j];
      const double over = used - limit;
      peak[j] = used > peak[j] ? used : peak[j];
      excess[j] += over > 0 ? over : 0;
      crowding[j] += over + margin_ > 0 ? over + margin_ : 0;
    }
  }
  peak_[block] = std::max(std::max(peak[0], peak[1]), std::max(peak[2], peak[3]));
  const auto note = [block](const double(&part)[4], std::vector<double>& sums, double& total) {
    const double sum = (part[0] + part[1]) + (part[2] + part[3]);
    total += sum - sums[block];
    sums[block] = sum;
  };
  note(excess, excess_, total_excess_);
  note(crowding, crowding_, total_crowding_);
}

void MemoryProfile::refresh() {
  for (const std::size_t block : touched_) {
    const bool lazy_only = changed_[block] == kLazyOnly;
    const bool stays_below =
        crowding_[block] == 0 && peak_[block] + lazy_[block] <= budget_ - margin_;
    changed_[block] = 0;
    if (!lazy_only || !stays_below) rescan(block);
  }
  touched_.clear();
}

double MemoryProfile::peak() const {
  double peak = 0;
  for (std::size_t b = 0; b < peak_.size(); ++b) peak = std::max(peak, peak_[b] + lazy_[b]);
  return peak;
}

std::size_t MemoryProfile::random_over_slot(Random& random) const {
  std::size_t over = 0;
  for (const double excess : excess_) over += excess > 0;
  ROCKMATE_CHECK(over > 0);
  std::size_t nth = random.below(over);
  std::size_t block = 0;
  for (;; ++block) {
    if (excess_[block] > 0 && nth-- == 0) break;
  }
  const std::size_t offset = random.below(kBlock);
  for (std::size_t k = 0; k < kBlock; ++k) {
    const std::size_t slot = block * kBlock + (offset + k) % kBlock;
    if (is_over(slot)) return slot;
  }
  ROCKMATE_CHECK(false, "a block with excess has a slot with excess");
  return 0;
}

}  // namespace rockmate::search
