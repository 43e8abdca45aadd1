// A trade of bytes against seconds: points of rising bytes and falling seconds, none dominated.
// "With `bytes` at hand, or more but less than the next point's, it takes `seconds`."
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rockmate::rotor {

struct Point {
  std::int64_t bytes = 0;
  double seconds = 0;
  std::uint32_t choice = 0;  ///< how the state reaches it: 0 keeps its first block, j checkpoints j
};

using Staircase = std::vector<Point>;

/// A staircase moved to the right: points(m - by). Without points it is zero everywhere.
struct Shifted {
  const Staircase* points = nullptr;
  std::int64_t by = 0;
};

/// A staircase that is the least of all that it is offered.
class Envelope {
 public:
  /// Offers seconds(m) = seconds + first(m) + second(m) for every m >= floor. Linear in the number
  /// of points.
  void offer(std::int64_t floor, double seconds, Shifted first, Shifted second,
             std::uint32_t choice);

  [[nodiscard]] const Staircase& points() const { return points_; }
  void clear() { points_.clear(); }

 private:
  Staircase points_;
  Staircase offered_;
  Staircase merged_;
};

/// Which way thinning errs: towards more seconds (what is left can be reached) or towards fewer (no
/// plan is better than what is left).
enum class Thinning : std::uint8_t { kReachable, kBound };

/// Merges neighbours that differ by at most `tolerance` times the seconds that the slower one takes
/// over the fastest of all. The fastest point stays.
[[nodiscard]] Staircase thinned(const Staircase& points, double tolerance, Thinning thinning);

/// The index of the last point within `bytes`, or -1.
[[nodiscard]] std::ptrdiff_t last_within(const Staircase& points, std::int64_t bytes);

}  // namespace rockmate::rotor
