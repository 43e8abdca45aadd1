// Two curves for state (0, L - 1), from above and from below. Three kinds of states are solved:
//
//   window  all of at most W blocks
//   long    all a for some ends b: so a long chain can be cut into long pieces, and those again
//   spine   all a for b = L - 1, the end of the chain; every plan of the whole is made from these
//
// From below, a state's trade of bytes against seconds is replaced by its convex hull, made of the
// hulls of smaller states (spine_bound.cpp): a hull has few vertices, and hulls of sums are sums of
// hulls, so nothing is lost on the way that the last hull would not lose. From above, the state is
// a staircase of plans. It has far too many points to keep; what they lie above the hull of their
// own state is never made good later:
//
//   point of (a, b) - hull of (a, b)  <=  point of the whole made from it - hull of the whole
//
// So in each range of bytes the point that lies least above the hull stays (Selection): a point on
// the hull gives way to another one on it only, and between two vertices of the hull, which are
// about one block's change apart, many points are close to it.
//
// Rejected: states thinned by a share of their seconds, once towards plans and once towards a bound
// (the errors of a thousand states add up); chains joined into few blocks (half as much overhead
// again on blocks of random sizes); a Lagrange multiplier per budget (the hull is all of them at
// once, and knows the peaks); more than a dozen long ends (they help within a few percent of the
// least budget only, and take most of the time).

#include "rotor/long_chain.h"

#include <algorithm>
#include <atomic>

#include "rotor/dynamic_program.h"
#include "rotor/selection.h"

namespace rockmate::rotor {
namespace {

std::vector<std::size_t> first_states(std::size_t blocks, const LongChainOptions& options) {
  const std::size_t step = blocks / (options.long_columns + 1) + 1;
  std::vector<std::size_t> first(blocks);
  for (std::size_t b = 0; b < blocks; ++b) {
    const bool is_long = (b + 1) % step == 0 || b + 1 == blocks;
    first[b] = is_long ? 0 : b + 1 - std::min(b + 1, options.window);
  }
  return first;
}

}  // namespace

struct LongChain::Scratch {
  std::vector<std::int64_t> peaks;
  std::vector<Way> ways;
  HullBuilder hull;
  Selection selection;
};

LongChain::LongChain(const ChainCosts& costs, const LongChainOptions& options)
    : costs_(costs),
      options_(options),
      states_(first_states(costs.blocks(), options)),
      bounds_(first_states(costs.blocks(), options)),
      spine_(costs, options.window) {
  const std::size_t blocks = costs.blocks();
  for (std::size_t b = 0; b < blocks; ++b) {
    profiles_.push_back(costs.pass_profile(states_.first(b), b));
  }
  solve_window();
  solve_long_states();
  Scratch scratch;
  for (std::size_t a = blocks; a-- > 0 && !is_stopped();) {
    find_ways(a, blocks - 1, scratch);
    states_(a, blocks - 1) = points_of(a, blocks - 1, spine_[a], scratch);
  }
  profiles_.clear();
}

bool LongChain::is_stopped() {
  if (options_.stop.stop_requested()) complete_ = false;
  return !complete_;
}

// States of one length depend on shorter ones only.
void LongChain::solve_window() {
  const std::size_t blocks = costs_.blocks();
#pragma omp parallel num_threads(team_size(options_.threads, blocks))
  {
    Scratch scratch;
    for (std::size_t length = 1; length <= std::min(blocks, options_.window); ++length) {
#pragma omp for schedule(dynamic, 16)
      for (std::size_t b = length - 1; b < blocks; ++b) {
        if (!is_stopped()) solve(b + 1 - length, b, scratch);
      }
    }
  }
}

// The spine's bounds, and longer states by rising ends, depend on the window only.
void LongChain::solve_long_states() {
  const std::size_t blocks = costs_.blocks();
#pragma omp parallel num_threads(team_size(options_.threads, blocks))
  {
    Scratch scratch;
#pragma omp sections
    {
#pragma omp section
      for (std::size_t a = blocks; a-- > 0 && !is_stopped();) {
        find_ways(a, blocks - 1, scratch);
        spine_.solve(a, scratch.ways, bounds_, scratch.hull);
      }
#pragma omp section
      for (std::size_t b = options_.window; b + 1 < blocks; ++b) {
        if (states_.first(b) > 0) continue;
        for (std::size_t a = b + 1 - options_.window; a-- > 0 && !is_stopped();)
          solve(a, b, scratch);
      }
    }
  }
}

void LongChain::find_ways(std::size_t a, std::size_t b, Scratch& scratch) const {
  scratch.ways.clear();
  for_each_way(costs_, a, profiles_[b], scratch.peaks,
               [&](const Way& way) { scratch.ways.push_back(way); });
}

void LongChain::solve(std::size_t a, std::size_t b, Scratch& scratch) {
  find_ways(a, b, scratch);
  bounds_(a, b) = bound_of(a, b, scratch);
  states_(a, b) = points_of(a, b, bounds_(a, b), scratch);
}

// Of states in the window: a bound. Of longer ones, which lack some ways: a guide to good points.
ConvexBound LongChain::bound_of(std::size_t a, std::size_t b, Scratch& scratch) const {
  HullBuilder& hull = scratch.hull;
  hull.clear();
  for (const Way& way : scratch.ways) {
    const std::size_t rest = way.j == 0 ? a + 1 : way.j;
    const ShiftedBound right = {rest <= b ? &bounds_(rest, b) : nullptr, way.right_held};
    if (way.j == 0) {
      hull.offer(way.floor, way.seconds, right, {});
    } else if (states_.has(a, way.j - 1)) {
      hull.offer(way.floor, way.seconds, right, {&bounds_(a, way.j - 1), way.left_held});
    }
  }
  return hull.hull();
}

Staircase LongChain::points_of(std::size_t a, std::size_t b, const ConvexBound& guide,
                               Scratch& scratch) const {
  const auto right_of = [&](const Way& way) -> Shifted {
    const std::size_t rest = way.j == 0 ? a + 1 : way.j;
    return {rest <= b ? &states_(rest, b) : nullptr, way.right_held};
  };
  const auto left_of = [&](const Way& way) -> Shifted {
    return {way.j == 0 ? nullptr : &states_(a, way.j - 1), way.left_held};
  };
  std::vector<Way>& ways = scratch.ways;
  std::erase_if(ways, [&](const Way& way) { return way.j != 0 && !states_.has(a, way.j - 1); });
  std::int64_t least = StaircaseWalk::kEnd;
  for (const Way& way : ways) {
    least = std::min(least, std::max({way.floor, StaircaseWalk(right_of(way)).least_bytes(),
                                      StaircaseWalk(left_of(way)).least_bytes()}));
  }
  const Shifted rest = right_of(ways.front());
  const std::int64_t most = std::max(
      ways.front().floor, rest.points != nullptr ? rest.points->back().bytes + rest.by : 0);
  scratch.selection.begin(least, most, point_limit(a, b), guide);
  for (const Way& way : ways) {
    scratch.selection.offer(way.floor, way.seconds, right_of(way), left_of(way),
                            static_cast<std::uint32_t>(way.j == 0 ? 0 : way.j - a));
  }
  return scratch.selection.take();
}

std::size_t LongChain::point_limit(std::size_t a, std::size_t b) const {
  if (b + 1 == costs_.blocks()) return options_.spine_points;
  return b + 1 - a <= options_.window ? options_.window_points : options_.long_points;
}

}  // namespace rockmate::rotor
