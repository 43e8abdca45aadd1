#include "rotor/selection.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rockmate::rotor {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();

}  // namespace

// Half of the ends at equal distances, for budgets of half the memory and more, and half at equal
// ratios, for the lowest ones.
void Selection::begin(std::int64_t least, std::int64_t most, std::size_t points,
                      const ConvexBound& guide) {
  guide_ = &guide;
  const std::size_t half = std::max<std::size_t>(1, points / 2);
  const double low = static_cast<double>(std::max<std::int64_t>(1, least));
  const double high = std::max(low, static_cast<double>(most));
  const double step = (high - low) / static_cast<double>(half);
  const double ratio = std::pow(high / low, 1 / static_cast<double>(half));
  ends_.clear();
  double even = low, growing = low;
  for (std::size_t i = 0; i < half; ++i) {
    ends_.push_back(static_cast<std::int64_t>(even += step));
    ends_.push_back(static_cast<std::int64_t>(growing *= ratio));
  }
  std::sort(ends_.begin(), ends_.end());
  ends_.push_back(kEnd);
  best_.assign(ends_.size(), Point{});
  above_.assign(ends_.size(), kInfinite);
  leanest_ = {kEnd, kInfinite, 0};
  fastest_ = {kEnd, kInfinite, 0};
}

void Selection::offer(std::int64_t floor, double seconds, Shifted first, Shifted second,
                      std::uint32_t choice) {
  StaircaseWalk x(first), y(second);
  BoundWalk guide({guide_, 0});
  std::int64_t m = std::max({floor, x.least_bytes(), y.least_bytes()});
  auto range =
      static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), m) - ends_.begin());
  Point point;
  for (bool is_first = true; m != kEnd; m = std::min(x.next(), y.next()), is_first = false) {
    x.advance(m);
    y.advance(m);
    point = {m, seconds + x.seconds() + y.seconds(), choice};
    if (is_first &&
        (m < leanest_.bytes || (m == leanest_.bytes && point.seconds < leanest_.seconds))) {
      leanest_ = point;
    }
    while (ends_[range] <= m) ++range;
    const double above = point.seconds - guide.at(m);
    if (above < above_[range]) {
      above_[range] = above;
      best_[range] = point;
    }
  }
  if (is_less(point.seconds, fastest_.seconds) ||
      (!is_less(fastest_.seconds, point.seconds) && point.bytes < fastest_.bytes)) {
    fastest_ = point;
  }
}

Staircase Selection::take() const {
  Staircase kept;
  kept.reserve(2 + static_cast<std::size_t>(std::count_if(above_.begin(), above_.end(),
                                                          [](double s) { return s < kInfinite; })));
  kept.push_back(leanest_);
  const auto append = [&](const Point& point) {
    if (!is_less(point.seconds, kept.back().seconds)) return;
    if (kept.back().bytes == point.bytes) kept.pop_back();
    kept.push_back(point);
  };
  for (std::size_t range = 0; range < best_.size(); ++range) {
    if (above_[range] != kInfinite && best_[range].bytes <= fastest_.bytes) append(best_[range]);
  }
  append(fastest_);
  return kept;
}

}  // namespace rockmate::rotor
