// Items in an arena of fixed capacity, told by who lies above whom and nothing else. Pushed down,
// each comes to its lowest offset; pushed up, to its highest; all of a stacking can lie lowest, or
// highest, at once. The items inside fit: lowest <= highest for each.
//
//   capacity  ______________________            A lies below B and C, which do not meet. C floats:
//            |  B    |              |           its lowest offset is on A, its highest below the
//            |_______|      C       |           ceiling. Who looks for room sees the gap under C
//            and |   A   |______________|           the gap above it as one.
//            |_______|_____ A ______|
#pragma once

#include <cstdint>
#include <vector>

#include "schedule/pack_place.h"
#include "schedule/pack_problem.h"

namespace rockmate {

class Stacking {
 public:
  /// Empty. Bytes are counted in units: the greatest common divisor of the sizes, or where the
  /// capacity has more than 2^30 of these, more (sizes are rounded up). `problem` must outlive it.
  Stacking(const PackProblem& problem, Bytes capacity);

  /// In units.
  [[nodiscard]] std::int32_t capacity() const { return capacity_; }
  [[nodiscard]] std::int32_t size(std::uint32_t item) const { return size_[item]; }

  /// Puts in the items that end within the capacity, in the order of these offsets, at which none
  /// overlap; gives the others.
  [[nodiscard]] std::vector<std::uint32_t> fill(const std::vector<Bytes>& offsets);
  /// The items inside that can be in the way of `item`, to be offered to `offer_places`: at
  /// `offset` those with lower - size < offset < upper are in the way, wherever they are moved.
  void obstacles(std::uint32_t item, std::vector<PlacedEnd>& lower, std::vector<PlacedEnd>& upper);
  /// Puts `item` in, at or below `offset`; those in its way are taken out and appended to `out`.
  void insert(std::uint32_t item, std::int32_t offset, std::vector<std::uint32_t>& out);

  /// The items inside lie lowest; 0 for the others.
  [[nodiscard]] std::vector<Bytes> offsets() const;
  /// Steps that one obstacles() and one insert() take together, in the unit of WorkMeter.
  [[nodiscard]] std::uint64_t work() const { return work_; }

 private:
  void push_down(std::size_t known);
  void push_up(std::size_t known);
  void cover(std::uint32_t item, std::int32_t level);
  [[nodiscard]] bool meets(std::uint32_t a, std::uint32_t b) const {
    return first_[a] <= last_[b] && first_[b] <= last_[a];
  }

  std::int64_t unit_;
  std::int32_t capacity_;
  std::uint64_t work_;
  std::vector<std::int32_t> size_, first_, last_;  // by item; sections are inclusive
  std::vector<std::int32_t> lowest_, highest_;     // by item, where it is inside
  std::vector<std::uint32_t> order_;               // of those inside: below comes before above
  std::vector<std::int32_t> skyline_;              // scratch, by section
  std::vector<std::uint32_t> above_;               // scratch
  std::vector<std::uint64_t> keys_;                // scratch
};

}  // namespace rockmate
