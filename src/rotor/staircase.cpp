#include "rotor/staircase.h"

#include <algorithm>
#include <limits>

namespace rockmate::rotor {
namespace {

const Staircase kZero = {Point{}};

}  // namespace

StaircaseWalk::StaircaseWalk(Shifted staircase) : by_(staircase.by) {
  const Staircase& points = staircase.points != nullptr ? *staircase.points : kZero;
  at_ = points.data();
  last_ = at_ + (points.size() - 1);
}

namespace {

// The points of seconds + first + second from `bytes` on.
void add_up(std::int64_t bytes, double seconds, StaircaseWalk first, StaircaseWalk second,
            std::uint32_t choice, Staircase& sum) {
  sum.clear();
  for (; bytes != StaircaseWalk::kEnd; bytes = std::min(first.next(), second.next())) {
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
  const StaircaseWalk x(first), y(second);
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

std::ptrdiff_t last_within(const Staircase& points, std::int64_t bytes) {
  const auto after =
      std::upper_bound(points.begin(), points.end(), bytes,
                       [](std::int64_t m, const Point& point) { return m < point.bytes; });
  return after - points.begin() - 1;
}

}  // namespace rockmate::rotor
