// Of all the points that a state is offered, a limited number that serve best: bytes are cut into
// ranges, and in each range the point stays that lies least above a convex guide, besides the
// leanest and the fastest point of all. Every point that stays is a plan, with its exact bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rotor/convex_bound.h"
#include "rotor/staircase.h"

namespace rockmate::rotor {

class Selection {
 public:
  /// At most about `points` points will stay, of bytes from `least` on; ranges end at `most`,
  /// beyond which there is one more. The guide must outlive the selection and reach down to
  /// `least`.
  void begin(std::int64_t least, std::int64_t most, std::size_t points, const ConvexBound& guide);
  /// Offers seconds(m) = seconds + first(m) + second(m) for every m >= floor. Linear in the number
  /// of points.
  void offer(std::int64_t floor, double seconds, Shifted first, Shifted second,
             std::uint32_t choice);
  [[nodiscard]] Staircase take() const;

 private:
  const ConvexBound* guide_ = nullptr;
  std::vector<std::int64_t> ends_;  // by range; of the last one: the largest number
  std::vector<Point> best_;         // by range
  std::vector<double> above_;       // of `best_`, seconds over the guide; infinite: none yet
  Point leanest_;
  Point fastest_;
};

}  // namespace rockmate::rotor
