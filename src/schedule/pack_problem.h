// A packing problem with its time axis reduced to sections: the maximal sets of items that live at
// one time, in order of time. Two items meet if and only if they share a section.
#pragma once

#include <cstdint>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "rockmate/units.h"
#include "schedule/packing.h"

namespace rockmate {

/// An item that takes room: its sections, both inclusive, and its bytes.
struct Extent {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  Bytes size;
  std::size_t duration = 0;  ///< in the caller's unit of time
  Bytes load = {};           ///< of the most loaded of its sections
  [[nodiscard]] bool meets(const Extent& other) const {
    return first <= other.last && other.first <= last;
  }
  [[nodiscard]] std::uint32_t width() const { return last - first + 1; }
};

struct PackProblem {
  std::vector<Extent> items;        ///< those that take room
  std::vector<std::size_t> origin;  ///< of each, its place in the caller's list
  std::vector<Bytes> load;          ///< of each section, the sum of the sizes in it
  Bytes bound;                      ///< the largest load: no packing is lower
};

/// Throws as `pack` does. O(n log n).
[[nodiscard]] PackProblem reduce(std::span<const PackItem> items);

/// Offsets of the items of a PackProblem.
struct Placement {
  std::vector<Bytes> offsets;
  Bytes height;
};

/// Elementary steps that may still be taken: a clock that runs alike on every machine. A stop
/// spends what is left.
class WorkMeter {
 public:
  explicit WorkMeter(std::uint64_t limit, std::stop_token stop = {})
      : left_(limit), stop_(std::move(stop)) {}
  void spend(std::uint64_t steps) { left_ -= steps < left_ ? steps : left_; }
  [[nodiscard]] bool exhausted() const { return left_ == 0 || stop_.stop_requested(); }
  [[nodiscard]] std::uint64_t left() const { return left_; }

 private:
  std::uint64_t left_;
  std::stop_token stop_;
};

}  // namespace rockmate
