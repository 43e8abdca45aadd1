// For a fixed number T of transient bytes the slots are independent but for the sum of what they
// save: a micro-batch that may save S runs within S + T bytes, and has to leave T of them free
// while it waits for its gradient. That is `Rest` with an end which needs T bytes and takes no
// time:
//
//   f_T(S) = G(first)(S + T),   minimise f_T(S_1) + .. + f_T(S_K)   for S_1 + .. + S_K <= M - T - K
//   x
//
// a multiple-choice knapsack whose K classes are the same. It is solved by adding one slot after
// the other to the list of undominated (bytes, seconds); T runs over a geometric grid. Tried and
// rejected: one pass over the lower hull of f_T, which rounds to two strategies and loses what lies
// above the hull.

#include "pipeline/in_flight.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "pipeline/thinning.h"

namespace rockmate {
namespace {

using rotor::Point;
using rotor::Staircase;

// Between two numbers of transient bytes that are looked at.
constexpr double kRatio = 1.2;
// Estimates look at fewer of them, and at fewer points.
constexpr std::size_t kCoarseSteps = 3, kCoarsePoints = 16;
// Points of a slot and of a sum of slots at most; above it they are thinned.
constexpr std::size_t kSlotPoints = 64, kSumPoints = 400;

// The undominated sums of one point of each; `choice` is that of `b`, as an index into it.
Staircase sums(const Staircase& a, const Staircase& b, std::int64_t most) {
  Staircase all;
  for (const Point& x : a) {
    for (std::uint32_t i = 0; i < b.size(); ++i) {
      if (x.bytes + b[i].bytes > most) break;
      all.push_back({x.bytes + b[i].bytes, x.seconds + b[i].seconds, i});
    }
  }
  std::sort(all.begin(), all.end(), [](const Point& x, const Point& y) {
    return x.bytes != y.bytes ? x.bytes < y.bytes : x.seconds < y.seconds;
  });
  Staircase kept;
  for (const Point& point : all) {
    if (kept.empty() || point.seconds < kept.back().seconds) kept.push_back(point);
  }
  return kept;
}

// What no K slots go below that may save `room` bytes together: K times the lower hull of the
// points at room / K.
double hull_bound(const Staircase& points, std::size_t slots, std::int64_t room) {
  const double count = static_cast<double>(slots);
  const double each = static_cast<double>(room) / count;
  std::vector<const Point*> hull;
  const auto slope = [](const Point& x, const Point& y) {
    return (y.seconds - x.seconds) / static_cast<double>(y.bytes - x.bytes);
  };
  for (const Point& point : points) {
    while (hull.size() > 1 &&
           slope(*hull[hull.size() - 2], *hull.back()) >= slope(*hull.back(), point)) {
      hull.pop_back();
    }
    hull.push_back(&point);
  }
  for (std::size_t i = 0; i + 1 < hull.size(); ++i) {
    if (each >= static_cast<double>(hull[i + 1]->bytes)) continue;
    const double beyond = each - static_cast<double>(hull[i]->bytes);
    return count * (hull[i]->seconds + slope(*hull[i], *hull[i + 1]) * beyond);
  }
  return count * hull.back()->seconds;
}

// The least seconds of so many points that take `room` bytes together, and the bytes of each.
std::optional<std::pair<double, std::vector<std::int64_t>>> best_sum(const Staircase& points,
                                                                     std::size_t slots,
                                                                     std::int64_t room) {
  std::vector<Staircase> of_slots = {{Point{}}};  // by number of slots
  for (std::size_t k = 0; k < slots; ++k) {
    of_slots.push_back(thinned_to(sums(of_slots.back(), points, room), kSumPoints));
  }
  if (of_slots.back().empty()) return std::nullopt;
  std::int64_t bytes = of_slots.back().back().bytes;
  std::vector<std::int64_t> saved;
  for (std::size_t k = slots; k > 0; --k) {
    const std::ptrdiff_t at = rotor::last_within(of_slots[k], bytes);
    ROCKMATE_CHECK(at >= 0);
    const Point& point = of_slots[k][static_cast<std::size_t>(at)];
    saved.push_back(points[point.choice].bytes);
    bytes = point.bytes - points[point.choice].bytes;
  }
  return std::pair(of_slots.back().back().seconds, std::move(saved));
}

}  // namespace

InFlight::InFlight(const Segments& segments) : segments_(segments) {
  // From the leanest backward of a block to all that a micro-batch can ever hold.
  std::int64_t least = std::numeric_limits<std::int64_t>::max(), most = 1;
  for (std::size_t s = 0; s < segments.size(); ++s) {
    std::int64_t largest = 0;
    for (const BlockCandidate& x : segments.chain().blocks[s].candidates) {
      least = std::min(least, segments.backward_peak(s, x) - x.saved.count());
      largest = std::max(largest, segments.backward_peak(s, x) + x.forward_transient.count());
    }
    most += largest;
  }
  std::int64_t next = std::max<std::int64_t>(least, 1);
  while (next < most) {
    transients_.push_back(next);
    next = std::max(next + 1, static_cast<std::int64_t>(static_cast<double>(next) * kRatio));
  }
  transients_.push_back(most);
}

Rest InFlight::rest(StageRange range, std::int64_t transient) const {
  const Staircase end = {Point{transient, 0, 0}};
  return {segments_, range.first, range.last, rotor::Shifted{&end, 0}};
}

const Staircase& InFlight::coarse(StageRange range, std::int64_t transient) {
  auto& of_last = coarse_[{range.last, transient}];
  if (of_last.empty()) {
    const Rest all = rest({0, range.last}, transient);
    for (std::size_t s = 0; s <= range.last; ++s) {
      of_last.push_back(thinned_to(all.from(s), kCoarsePoints));
    }
  }
  return of_last[range.first];
}

const Staircase& InFlight::slot(StageRange range, std::int64_t transient) {
  auto [found, is_new] = slots_.try_emplace({range.first, range.last, transient});
  if (is_new) {
    found->second = thinned_to(one(range, transient), kSlotPoints);
    for (Point& point : found->second) point.bytes -= transient;
  }
  return found->second;
}

std::optional<InFlight::Multiset> InFlight::of_two(StageRange range, std::size_t in_flight,
                                                   Bytes memory) {
  const auto slots = static_cast<std::int64_t>(in_flight);
  const std::int64_t inputs = slots * segments_.chain().input_before(range.first).count();
  std::optional<Multiset> best;
  const auto offer = [&](std::int64_t transient, const Point& low, const Point& high,
                         std::int64_t highs) {
    const double seconds = static_cast<double>(slots - highs) * low.seconds +
                           static_cast<double>(highs) * high.seconds;
    if (best && seconds >= best->seconds) return;
    best = Multiset{seconds, transient, {}};
    best->saved.assign(in_flight, low.bytes - transient);
    std::fill_n(best->saved.begin(), highs, high.bytes - transient);
  };
  for (std::size_t t = 0; t < transients_.size(); t += kCoarseSteps) {
    const std::int64_t transient = transients_[t];
    const std::int64_t room = memory.count() - transient - inputs;
    if (room < 0) break;
    const Staircase& points = coarse(range, transient);
    const std::ptrdiff_t uniform = rotor::last_within(points, room / slots + transient);
    if (uniform < 0) continue;
    const auto middle = points.begin() + uniform;
    offer(transient, *middle, *middle, 0);
    for (auto low = points.begin(); low <= middle; ++low) {
      const std::int64_t spare = room - slots * (low->bytes - transient);
      for (auto high = middle + 1; high < points.end(); ++high) {
        const std::int64_t highs = std::min(slots, spare / (high->bytes - low->bytes));
        if (highs == 0) break;
        offer(transient, *low, *high, highs);
      }
    }
  }
  return best;
}

std::optional<Seconds> InFlight::quick(StageRange range, std::size_t in_flight, Bytes memory) {
  const auto found = of_two(range, in_flight, memory);
  if (!found) return std::nullopt;
  return Seconds(found->seconds / static_cast<double>(in_flight));
}

// At one moment all of them wait, each for its gradient, with what they save: their transients are
// left out. Each state of the recursion was thinned: by a share of what it takes beyond its fastest
// point, and so was each of those that it was made from, which are at most as many as there are
// blocks.
Seconds InFlight::least(StageRange range, std::size_t in_flight, Bytes memory) const {
  const std::int64_t transient = transients_.back();
  auto found = boundless_.find(range.last);
  if (found == boundless_.end()) {
    found = boundless_.emplace(range.last, rest({0, range.last}, transient)).first;
  }
  Staircase points = found->second.from(range.first);
  for (Point& point : points) point.bytes -= transient;
  const auto slots = static_cast<std::int64_t>(in_flight);
  const std::int64_t room =
      memory.count() - slots * segments_.chain().input_before(range.first).count();
  if (points.empty() || slots * points.front().bytes > room) {
    return Seconds(std::numeric_limits<double>::infinity());
  }
  const double plain = points.back().seconds;
  const double mean = hull_bound(points, in_flight, room) / static_cast<double>(in_flight);
  const auto levels = static_cast<double>(range.last - range.first + 2);
  return Seconds(plain + (mean - plain) * std::pow(1 - segments_.tolerance(), levels));
}

std::optional<InFlightPlan> InFlight::best(StageRange range, std::size_t in_flight, Bytes memory) {
  Multiset best = of_two(range, in_flight, memory)
                      .value_or(Multiset{std::numeric_limits<double>::infinity(), 0, {}});
  const auto slots = static_cast<std::int64_t>(in_flight);
  const std::int64_t inputs = slots * segments_.chain().input_before(range.first).count();
  // The most promising numbers of transient bytes first: few others can then be better.
  std::vector<std::pair<double, std::int64_t>> by_bound;
  for (const std::int64_t transient : transients_) {
    const std::int64_t room = memory.count() - transient - inputs;
    if (room < 0) break;
    const Staircase& points = slot(range, transient);
    if (points.empty() || points.front().bytes * slots > room) continue;
    by_bound.emplace_back(hull_bound(points, in_flight, room), transient);
  }
  std::sort(by_bound.begin(), by_bound.end());
  for (const auto& [bound, transient] : by_bound) {
    if (bound >= best.seconds) break;
    const std::int64_t room = memory.count() - transient - inputs;
    auto found = best_sum(slot(range, transient), in_flight, room);
    if (found && found->first < best.seconds) {
      best = Multiset{found->first, transient, std::move(found->second)};
    }
  }
  if (best.saved.empty()) return std::nullopt;
  // The largest first: they are there when the pipeline fills.
  std::sort(best.saved.rbegin(), best.saved.rend());
  InFlightPlan plan{Seconds(best.seconds), {}};
  const Rest states = rest(range, best.transient);
  for (const std::int64_t saved : best.saved) {
    plan.slots.push_back(steps_of_one(segments_, range, states, Bytes(saved + best.transient)));
  }
  return plan;
}

}  // namespace rockmate
