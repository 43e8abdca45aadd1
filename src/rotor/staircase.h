// A trade of bytes against seconds: points of rising bytes and falling seconds, none dominated.
// "With `bytes` at hand, or more but less than the next point's, it takes `seconds`."
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace rockmate::rotor {

struct Point {
  std::int64_t bytes = 0;
  double seconds = 0;
  /// How the state (a, b) reaches it: 0 keeps a whole, j checkpoints a + j; keep_choice(k) keeps a
  /// in its k-th way.
  std::uint32_t choice = 0;
};

using Staircase = std::vector<Point>;

inline constexpr std::uint32_t kKeepChoice = std::uint32_t{1} << 31;
[[nodiscard]] inline std::uint32_t keep_choice(std::size_t k) {
  return kKeepChoice + static_cast<std::uint32_t>(k);
}

/// A staircase moved to the right: points(m - by). Without points it is zero everywhere.
struct Shifted {
  const Staircase* points = nullptr;
  std::int64_t by = 0;
};

/// Sums of seconds that differ by less than rounding are the same.
[[nodiscard]] inline bool is_less(double a, double b) { return a < b - 1e-12 * b; }

/// Reads a staircase at rising bytes, each step in constant time on the average.
class StaircaseWalk {
 public:
  explicit StaircaseWalk(Shifted staircase);
  [[nodiscard]] std::int64_t least_bytes() const { return at_->bytes + by_; }  ///< before any step
  [[nodiscard]] double seconds() const { return at_->seconds; }
  /// Where the next point starts; kEnd after the last one.
  [[nodiscard]] std::int64_t next() const { return at_ != last_ ? at_[1].bytes + by_ : kEnd; }
  void advance(std::int64_t bytes) {
    while (next() <= bytes) ++at_;
  }
  static constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();

 private:
  const Point* at_;
  const Point* last_;
  std::int64_t by_;
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

/// The index of the last point within `bytes`, or -1.
[[nodiscard]] std::ptrdiff_t last_within(const Staircase& points, std::int64_t bytes);

}  // namespace rockmate::rotor
