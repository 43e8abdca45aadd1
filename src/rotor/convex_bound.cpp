#include "rotor/convex_bound.h"

#include <algorithm>

namespace rockmate::rotor {
namespace {

const ConvexBound kZero = {Vertex{}};

double slope(const Vertex& from, const Vertex& to) {
  return (to.seconds - from.seconds) / static_cast<double>(to.bytes - from.bytes);
}

// Appends a vertex further right to a convex chain, without the vertices that then lie above it.
void append(ConvexBound& chain, Vertex v) {
  v.slope = 0;
  if (!chain.empty() && v.seconds >= chain.back().seconds) return;
  if (!chain.empty() && v.bytes == chain.back().bytes) chain.pop_back();
  while (!chain.empty()) {
    Vertex& last = chain.back();
    last.slope = slope(last, v);
    if (chain.size() < 2 || chain[chain.size() - 2].slope < last.slope) break;
    chain.pop_back();
  }
  chain.push_back(v);
}

}  // namespace

double bound_at(const ConvexBound& bound, std::int64_t bytes) {
  const auto after = std::upper_bound(bound.begin(), bound.end(), bytes,
                                      [](std::int64_t m, const Vertex& v) { return m < v.bytes; });
  if (after == bound.begin()) return std::numeric_limits<double>::infinity();
  const Vertex& left = *std::prev(after);
  return left.seconds + left.slope * static_cast<double>(bytes - left.bytes);
}

BoundWalk::BoundWalk(ShiftedBound shifted) : by_(shifted.by) {
  const ConvexBound& bound = shifted.bound != nullptr ? *shifted.bound : kZero;
  at_ = bound.data();
  last_ = at_ + (bound.size() - 1);
}

void HullBuilder::offer(std::int64_t floor, double seconds, ShiftedBound first,
                        ShiftedBound second) {
  BoundWalk x(first), y(second);
  BoundWalk known({hull_.empty() ? nullptr : &hull_, 0});
  const std::int64_t known_least = known.least_bytes();
  bool improves = hull_.empty();
  offered_.clear();
  for (std::int64_t m = std::max({floor, x.least_bytes(), y.least_bytes()}); m != BoundWalk::kEnd;
       m = std::min(x.next(), y.next())) {
    offered_.push_back({m, seconds + x.at(m) + y.at(m)});
    if (!improves) improves = m < known_least || offered_.back().seconds < known.at(m);
  }
  if (!improves) return;
  merged_.clear();
  std::size_t i = 0, k = 0;
  while (i < hull_.size() || k < offered_.size()) {
    const bool take_old =
        k == offered_.size() || (i < hull_.size() && hull_[i].bytes <= offered_[k].bytes);
    append(merged_, take_old ? hull_[i++] : offered_[k++]);
  }
  hull_.swap(merged_);
}

}  // namespace rockmate::rotor
