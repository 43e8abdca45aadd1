// A bound from below on a trade of bytes against seconds: a convex, falling function of the bytes,
// by its vertices. Left of the first vertex nothing fits; right of the last one it is constant.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace rockmate::rotor {

struct Vertex {
  std::int64_t bytes = 0;
  double seconds = 0;
  double slope = 0;  ///< seconds per byte up to the next vertex; 0 at the last one
};

using ConvexBound = std::vector<Vertex>;

/// The bound at `bytes`; infinite left of the first vertex. Logarithmic.
[[nodiscard]] double bound_at(const ConvexBound& bound, std::int64_t bytes);

/// A bound moved to the right: bound(m - by). Without a bound it is zero everywhere.
struct ShiftedBound {
  const ConvexBound* bound = nullptr;
  std::int64_t by = 0;
};

/// Reads a bound at rising bytes, each step in constant time on the average.
class BoundWalk {
 public:
  explicit BoundWalk(ShiftedBound shifted);
  [[nodiscard]] std::int64_t least_bytes() const { return at_->bytes + by_; }  ///< before any step
  /// Where the next vertex lies; kEnd after the last one.
  [[nodiscard]] std::int64_t next() const { return at_ != last_ ? at_[1].bytes + by_ : kEnd; }
  /// The bound at `bytes`, which never fall from call to call nor lie left of least_bytes().
  double at(std::int64_t bytes) {
    bytes -= by_;
    while (at_ != last_ && at_[1].bytes <= bytes) ++at_;
    return at_->seconds + at_->slope * static_cast<double>(bytes - at_->bytes);
  }
  static constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();

 private:
  const Vertex* at_;
  const Vertex* last_;
  std::int64_t by_;
};

/// The convex hull, from below, of all functions that it is offered.
class HullBuilder {
 public:
  /// Offers seconds + first(m) + second(m) for every m >= floor. Linear in the number of vertices.
  void offer(std::int64_t floor, double seconds, ShiftedBound first, ShiftedBound second);
  [[nodiscard]] const ConvexBound& hull() const { return hull_; }
  void clear() { hull_.clear(); }

 private:
  ConvexBound hull_;
  ConvexBound offered_;
  ConvexBound merged_;
};

}  // namespace rockmate::rotor
