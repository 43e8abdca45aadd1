// Let b be the last block, W the window, H(a) the bound of state (a, b). Then
//
//   H(a) = the convex hull of
//     keep a:             U_a + H(a + 1)(m - keep_held)
//     checkpoint j:       U_a + .. + U_(j-1) + H(j)(m - checkpoint_held) + T'(a, j - 1)(m -
//     left_held)
//
// each from its floor on, where T' is the bound of a state of at most W blocks, and for a longer
// one U_a + .. + U_(j-1): every block runs forward once more. Convex functions lose little: a chain
// of many blocks can trade bytes for seconds in small steps, and the hull of what it can do is what
// a price per byte (a Lagrange multiplier) would give, for all prices at once. The gap is about
// what one block may change.
//
// Checkpoints with long states inside are many, and they differ little from one a to the next: with
// S(j) = U_0 + .. + U_(j-1), such an offer is 2 S(j) + H(j)(m - checkpoint_held(a, j, b)) - 2 S(a).
// So the hull over a group of neighbouring j is made once, and serves all a that are further than W
// away. Two figures are replaced by what they are at least: the floor by that of the group's first
// j (a longer pass has no smaller peak), and the bytes that j's bundle shares with a's base by what
// it shares with the base of the last such a (they grow with a).

#include "rotor/spine_bound.h"

#include <algorithm>

namespace rockmate::rotor {
namespace {

// Groups are of so many checkpoints at least, and so many at most.
constexpr std::size_t kLeastGroup = 32;
constexpr std::size_t kMostGroups = 32;

}  // namespace

SpineBound::SpineBound(const ChainCosts& costs, std::size_t window)
    : costs_(costs),
      window_(window),
      group_size_(std::max(kLeastGroup, costs.blocks() / kMostGroups)),
      bounds_(costs.blocks()),
      groups_(costs.blocks() / group_size_ + 1) {}

void SpineBound::solve(std::size_t a, const std::vector<Way>& ways,
                       const States<ConvexBound>& inside, HullBuilder& hull) {
  const std::size_t end = costs_.blocks();
  // The first group of which all checkpoints have long states inside.
  const std::size_t first_group = (a + window_) / group_size_ + 1;
  const std::size_t single_end = std::min(end, first_group * group_size_);
  if (first_group * group_size_ == a + window_ + 1 && single_end < end) join(first_group, a, hull);
  hull.clear();
  for (const Way& way : ways) {
    if (way.j >= single_end) break;
    const std::size_t rest = way.j == 0 ? a + 1 : way.j;
    const ShiftedBound right = {rest < end ? &bounds_[rest] : nullptr, way.right_held};
    if (way.j == 0) {
      hull.offer(way.floor, way.seconds, right, {});
    } else if (way.j - a <= window_) {
      hull.offer(way.floor, way.seconds, right, {&inside(a, way.j - 1), way.left_held});
    } else {
      hull.offer(way.floor, 2 * way.seconds, right, {});
    }
  }
  const std::int64_t base = costs_.base(a, end - 1);
  for (std::size_t group = first_group; group * group_size_ < end; ++group) {
    const Way& first = ways[group * group_size_ - a];
    hull.offer(first.floor, -2 * costs_.forward_seconds(0, a), {&groups_[group], base}, {});
  }
  bounds_[a] = hull.hull();
}

// For states from `a` down: checkpoint j holds base(a, b) - shared(a, j); only the first part is
// left to be added.
void SpineBound::join(std::size_t group, std::size_t a, HullBuilder& hull) {
  const std::size_t last = costs_.blocks() - 1;
  hull.clear();
  for (std::size_t j = group * group_size_; j < std::min((group + 1) * group_size_, last + 1);
       ++j) {
    const std::int64_t held = costs_.checkpoint_held(a, j, last, 0);  // minus what is shared
    hull.offer(bounds_[j].front().bytes + held, 2 * costs_.forward_seconds(0, j),
               {&bounds_[j], held}, {});
  }
  groups_[group] = hull.hull();
}

}  // namespace rockmate::rotor
