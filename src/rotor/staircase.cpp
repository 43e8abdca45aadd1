#include "rotor/staircase.h"

#include <algorithm>
#include <limits>

namespace rockmate::rotor {
namespace {

constexpr double kNothing = 1e-12;  // relative: below it two sums of seconds are the same

bool is_less(double a, double b) { return a < b - kNothing * b; }

const Staircase kZero = {Point{}};

class Walk {
 public:
  explicit Walk(Shifted staircase)
      : points_(staircase.points != nullptr ? *staircase.points : kZero), by_(staircase.by) {}
  [[nodiscard]] std::int64_t least_bytes() const { return points_.front().bytes + by_; }
  [[nodiscard]] double seconds() const { return points_[at_].seconds; }
  /// Where the next point starts; the largest number after the last one.
  [[nodiscard]] std::int64_t next() const {
    return at_ + 1 < points_.size() ? points_[at_ + 1].bytes + by_ : kEnd;
  }
  void advance(std::int64_t bytes) {
    while (next() <= bytes) ++at_;
  }
  static constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();

 private:
  const Staircase& points_;
  std::int64_t by_;
  std::size_t at_ = 0;
};

// The points of seconds + first + second from `bytes` on.
void add_up(std::int64_t bytes, double seconds, Walk first, Walk second, std::uint32_t choice,
            Staircase& sum) {
  sum.clear();
  for (; bytes != Walk::kEnd; bytes = std::min(first.next(), second.next())) {
    first.advance(bytes);
    second.advance(bytes);
    sum.push_back({bytes, seconds + first.seconds() + second.seconds(), choice});
  }
}

// Whether seconds + first + second lies below `points` somewhere. Bisection: between two of the
// points the offer is nowhere faster than at the right end, and the points nowhere slower than at
// the left.
class Comparison {
 public:
  Comparison(const Staircase& points, std::int64_t floor, double seconds, Shifted first,
             Shifted second)
      : points_(points), floor_(floor), seconds_(seconds), first_(first), second_(second) {}

  [[nodiscard]] bool improves() const {
    return floor_ < points_.front().bytes || improves(0, points_.size());
  }

 private:
  // The points from `begin` up to, and without, `end`; the last one reaches to infinity.
  [[nodiscard]] bool improves(std::size_t begin, std::size_t end) const {
    const std::int64_t right = end < points_.size() ? points_[end].bytes - 1
                                                    : std::numeric_limits<std::int64_t>::max() / 2;
    if (right < floor_) return false;
    if (!is_less(seconds_at(right), points_[begin].seconds)) return false;
    if (end - begin == 1) return true;
    const std::size_t middle = begin + (end - begin) / 2;
    return improves(begin, middle) || improves(middle, end);
  }
  [[nodiscard]] double seconds_at(std::int64_t bytes) const {
    return seconds_ + at(first_, bytes) + at(second_, bytes);
  }
  static double at(Shifted staircase, std::int64_t bytes) {
    if (staircase.points == nullptr) return 0;
    const std::ptrdiff_t i = last_within(*staircase.points, bytes - staircase.by);
    return (*staircase.points)[static_cast<std::size_t>(i)].seconds;
  }

  const Staircase& points_;
  std::int64_t floor_;
  double seconds_;
  Shifted first_, second_;
};

}  // namespace

void Envelope::offer(std::int64_t floor, double seconds, Shifted first, Shifted second,
                     std::uint32_t choice) {
  const Walk x(first), y(second);
  const std::int64_t least = std::max({floor, x.least_bytes(), y.least_bytes()});
  if (!points_.empty() && !Comparison(points_, least, seconds, first, second).improves()) return;
  add_up(least, seconds, x, y, choice, offered_);

  merged_.clear();
  const auto append = [&](const Point& point) {
    if (!merged_.empty() && !is_less(point.seconds, merged_.back().seconds)) return;
    if (!merged_.empty() && merged_.back().bytes == point.bytes) merged_.pop_back();
    merged_.push_back(point);
  };
  std::size_t i = 0, k = 0;
  while (i < points_.size() || k < offered_.size()) {
    const bool take_old =
        k == offered_.size() || (i < points_.size() && points_[i].bytes <= offered_[k].bytes);
    append(take_old ? points_[i++] : offered_[k++]);
  }
  points_.swap(merged_);
}

Staircase thinned(const Staircase& points, double tolerance, Thinning thinning) {
  if (tolerance <= 0 || points.size() < 3) return points;
  const double fastest = points.back().seconds;
  Staircase kept;
  for (std::size_t i = 0; i < points.size();) {
    const double slack = tolerance * (points[i].seconds - fastest);
    std::size_t end = i + 1;
    while (end < points.size() && points[i].seconds - points[end].seconds <= slack) ++end;
    // A run gives way to its slowest point, which needs the fewest bytes and can be reached, or to
    // a corner as fast as its fastest, which bounds them all.
    const std::size_t speed = thinning == Thinning::kReachable ? i : end - 1;
    kept.push_back({points[i].bytes, points[speed].seconds, points[i].choice});
    i = end;
  }
  return kept;
}

std::ptrdiff_t last_within(const Staircase& points, std::int64_t bytes) {
  const auto after =
      std::upper_bound(points.begin(), points.end(), bytes,
                       [](std::int64_t m, const Point& point) { return m < point.bytes; });
  return after - points.begin() - 1;
}

}  // namespace rockmate::rotor
