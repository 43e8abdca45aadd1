// From cheap to dear, until the height meets the goal (the load bound, or the caller's target):
//   1. first fit in each of the greedy orders; training plans mostly end here;
//   2. the exact search at the goal, in rounds of doubling work over three rules, because a search
//      that has taken a wrong turn near its root is better begun anew than continued;
//   3. where that finds that there is none, both at capacities between the goal and the best
//      height, by bisection;
//   4. else items pushing each other out, at capacities that come down to the goal step by step:
//      each begins with the packing before, of which most stays as it is. This also serves problems
//      too large to search.
#include "schedule/packing.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "schedule/pack_eject.h"
#include "schedule/pack_greedy.h"
#include "schedule/pack_problem.h"
#include "schedule/pack_search.h"

namespace rockmate {
namespace {

// The exact search's part of the work, for its first answer: it hardly ever finds one for more
// items than so many, unless soon.
constexpr std::size_t kHopefulItems = 400;
constexpr std::uint64_t kHopefulPart = 2, kOtherPart = 8;
// Of what a packing is above the goal, the part that one step of the descent takes away.
constexpr std::int64_t kDescent = 5;
// What one attempt may take of the work that is left; and how many there are at most that fail.
constexpr std::uint64_t kAttemptPart = 4, kMostAttempts = 20;

class Packer {
 public:
  Packer(const PackProblem& problem, const PackOptions& options)
      : problem_(problem),
        goal_(std::max(problem.bound, options.target.value_or(Bytes()))),
        options_(options),
        work_(options.work_limit, options.stop) {}

  Placement run() {
    if (!options_.hint.empty()) try_order(order_of_hint());
    try_greedy_orders();
    if (done()) return std::move(best_);
    const std::size_t n = problem_.items.size();
    const std::uint64_t part = n <= kHopefulItems ? kHopefulPart : kOtherPart;
    const SearchEnd end =
        n <= kMostSearchedItems ? search_at(goal_, work_.left() / part) : SearchEnd::kOutOfWork;
    if (end == SearchEnd::kNoneExists) bisect();
    if (end == SearchEnd::kOutOfWork) descend();
    return std::move(best_);
  }

 private:
  [[nodiscard]] bool done() const { return best_.height <= goal_; }
  void keep(Placement placement) {
    if (placement.height < best_.height) best_ = std::move(placement);
  }

  [[nodiscard]] PackOrder order_of_hint() const;
  void try_order(const PackOrder& order);
  void try_greedy_orders();
  SearchEnd search_at(Bytes capacity, std::uint64_t work);
  bool fits(Bytes capacity, std::uint64_t work);
  bool eject_at(Bytes capacity, std::uint64_t work, std::uint64_t seed);
  void bisect();
  void descend();

  const PackProblem& problem_;
  const Bytes goal_;
  const PackOptions& options_;
  WorkMeter work_;
  Placement best_;
};

// First fit in the order of the offsets of a packing puts no item higher than it lies there.
PackOrder Packer::order_of_hint() const {
  PackOrder order(problem_.items.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return options_.hint[problem_.origin[a]] < options_.hint[problem_.origin[b]];
  });
  return order;
}

void Packer::try_order(const PackOrder& order) {
  Placement placement = place_in_order(problem_, order, work_);
  if (best_.offsets.empty() || placement.height < best_.height) best_ = std::move(placement);
}

void Packer::try_greedy_orders() {
  for (const PackRule rule : kPackRules) {
    if (!best_.offsets.empty() && (done() || work_.exhausted())) return;
    try_order(order_by(problem_, rule));
  }
}

SearchEnd Packer::search_at(Bytes capacity, std::uint64_t work) {
  const std::uint64_t n = problem_.items.size();
  for (std::uint64_t round = 4 * n * n; work > 0 && !work_.exhausted(); round *= 2) {
    for (const SearchRule rule : kSearchRules) {
      const std::uint64_t share = std::min(round, work);
      WorkMeter meter(share, options_.stop);
      SearchResult result = search_placement(problem_, capacity, rule, meter);
      work -= share - meter.left();
      work_.spend(share - meter.left());
      if (result.end == SearchEnd::kFound) keep(std::move(result.placement));
      if (result.end != SearchEnd::kOutOfWork) return result.end;
    }
  }
  return SearchEnd::kOutOfWork;
}

bool Packer::eject_at(Bytes capacity, std::uint64_t work, std::uint64_t seed) {
  WorkMeter meter(work, options_.stop);
  auto placement = eject_placement(problem_, capacity, best_, seed, meter);
  work_.spend(work - meter.left());
  if (placement) keep(*std::move(placement));
  return placement.has_value();
}

// Whether a packing within the capacity is found. Two thirds of the work are the exact search's,
// which is through with small problems, whatever the answer, and with some hard ones.
bool Packer::fits(Bytes capacity, std::uint64_t work) {
  const std::uint64_t left = work_.left();
  const SearchEnd end = search_at(capacity, work / 3 * 2);
  if (end != SearchEnd::kOutOfWork) return end == SearchEnd::kFound;
  return eject_at(capacity, work - std::min(work, left - work_.left()), options_.seed);
}

// A search that runs out of work counts as a failure, so the result need not be the least height.
void Packer::bisect() {
  constexpr std::uint64_t kProbes = 8;
  Bytes low = goal_;
  for (std::uint64_t probe = 0; probe < kProbes && !done() && low < best_.height; ++probe) {
    const Bytes middle{low.count() + (best_.height - low).count() / 2};
    if (middle == low) return;
    if (!fits(middle, work_.left() / (kProbes - probe))) low = middle;
  }
}

// A step that fails is tried again, half as high and with other random numbers.
void Packer::descend() {
  const std::uint64_t least = work_.left() / kMostAttempts + 1;
  std::int64_t part = kDescent;
  for (std::uint64_t seed = options_.seed; !done() && !work_.exhausted(); ++seed) {
    const std::int64_t above = (best_.height - goal_).count();
    const Bytes capacity = best_.height - Bytes(std::max<std::int64_t>(1, above / part));
    const std::uint64_t share = std::max(work_.left() / kAttemptPart, least);
    if (!eject_at(capacity, std::min(share, work_.left()), seed)) part *= 2;
  }
}

}  // namespace

Packing pack(std::span<const PackItem> items, const PackOptions& options) {
  const PackProblem problem = reduce(items);
  Packing packing{std::vector<Bytes>(items.size()), {}};
  if (problem.items.empty()) return packing;
  const Placement placement = Packer(problem, options).run();
  for (std::size_t i = 0; i < problem.origin.size(); ++i) {
    packing.offsets[problem.origin[i]] = placement.offsets[i];
  }
  packing.height = placement.height;
  return packing;
}

}  // namespace rockmate
