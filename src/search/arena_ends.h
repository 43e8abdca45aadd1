// The lower, or the upper, ends of what is inside an arena, by rising offset, beside the slots at
// which their items live: a scan of all of them looks nothing up.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "schedule/pack_place.h"

namespace rockmate::search {

class ArenaEnds {
 public:
  /// Both inclusive.
  struct Slots {
    std::int32_t first, last;
  };

  [[nodiscard]] bool empty() const { return ends_.empty(); }
  [[nodiscard]] std::size_t size() const { return ends_.size(); }
  [[nodiscard]] const PlacedEnd& operator[](std::size_t k) const { return ends_[k]; }

  /// After those that are at the same offset.
  void insert(PlacedEnd end, Slots slots) {
    const auto place =
        std::upper_bound(ends_.begin(), ends_.end(), end.at,
                         [](std::int64_t at, const PlacedEnd& other) { return at < other.at; });
    first_.insert(first_.begin() + (place - ends_.begin()), slots.first);
    last_.insert(last_.begin() + (place - ends_.begin()), slots.last);
    ends_.insert(place, end);
  }
  void erase(PlacedEnd end) {
    auto place =
        std::lower_bound(ends_.begin(), ends_.end(), end.at,
                         [](const PlacedEnd& other, std::int64_t at) { return other.at < at; });
    while (place->item != end.item) ++place;
    first_.erase(first_.begin() + (place - ends_.begin()));
    last_.erase(last_.begin() + (place - ends_.begin()));
    ends_.erase(place);
  }
  /// These in the place of all; `slots_of(item)`.
  template <class SlotsOf>
  void assign(std::vector<PlacedEnd> ends, SlotsOf slots_of) {
    ends_ = std::move(ends);
    std::sort(ends_.begin(), ends_.end(), [](const PlacedEnd& a, const PlacedEnd& b) {
      return a.at != b.at ? a.at < b.at : a.item < b.item;
    });
    refresh(slots_of);
  }
  template <class SlotsOf>
  void refresh(SlotsOf slots_of) {
    first_.resize(ends_.size());
    last_.resize(ends_.size());
    for (std::size_t k = 0; k < ends_.size(); ++k) {
      const Slots slots = slots_of(ends_[k].item);
      first_[k] = slots.first;
      last_[k] = slots.last;
    }
  }

  /// Those whose items live at one of the slots.
  void collect(Slots slots, std::vector<PlacedEnd>& out) {
    // First which, several at a time, then where these are, without branches on what nobody could
    // predict: that is faster than both in one loop, which would store every end.
    const std::size_t count = ends_.size();
    is_met_.resize(count);
    met_.resize(count + 1);
    const std::int32_t* const first = first_.data();
    const std::int32_t* const last = last_.data();
    std::uint8_t* const is_met = is_met_.data();
    for (std::size_t k = 0; k < count; ++k) {
      is_met[k] = (first[k] <= slots.last) & (last[k] >= slots.first);
    }
    std::uint32_t* next = met_.data();
    for (std::uint32_t k = 0; k < count; ++k) {
      *next = k;
      next += is_met[k];
    }
    out.resize(static_cast<std::size_t>(next - met_.data()));
    for (std::size_t j = 0; j < out.size(); ++j) out[j] = ends_[met_[j]];
  }

 private:
  std::vector<PlacedEnd> ends_;
  std::vector<std::int32_t> first_, last_;
  std::vector<std::uint8_t> is_met_;  // scratch
  std::vector<std::uint32_t> met_;    // scratch
};

}  // namespace rockmate::search
