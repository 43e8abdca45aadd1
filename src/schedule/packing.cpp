// From cheap to dear, until the height meets the goal (the load bound, or the caller's target):
//   1. first fit in each of the greedy orders; training plans mostly end here;
//   2. the exact search at the goal, in rounds of doubling work over three rules, because a search
//      that has taken a wrong turn near its root is better begun anew than continued;
//   3. the same at capacities between the goal and the best height, by bisection;
//   4. local search over the greedy order, which also serves problems too large to search.
// Each takes a fixed share of the work that is left.
#include "schedule/packing.h"

#include <algorithm>
#include <utility>

#include "schedule/pack_greedy.h"
#include "schedule/pack_improve.h"
#include "schedule/pack_problem.h"
#include "schedule/pack_search.h"

namespace rockmate {
namespace {

class Packer {
 public:
  Packer(const PackProblem& problem, const PackOptions& options)
      : problem_(problem),
        goal_(std::max(problem.bound, options.target.value_or(Bytes()))),
        seed_(options.seed),
        work_(options.work_limit) {}

  Placement run() {
    try_greedy_orders();
    if (!done() && problem_.items.size() <= kMostSearchedItems) {
      search_at(goal_, work_.left() / 2);
      bisect(work_.left() / 2);
    }
    if (!done()) {
      keep(improve_placement(problem_, best_order_, best_, goal_, seed_, work_));
    }
    return std::move(best_);
  }

 private:
  [[nodiscard]] bool done() const { return best_.height <= goal_; }
  void keep(Placement placement) {
    if (placement.height < best_.height) best_ = std::move(placement);
  }

  void try_greedy_orders();
  SearchEnd search_at(Bytes capacity, std::uint64_t work);
  void bisect(std::uint64_t work);

  const PackProblem& problem_;
  const Bytes goal_;
  const std::uint64_t seed_;
  WorkMeter work_;
  Placement best_;
  PackOrder best_order_;
};

void Packer::try_greedy_orders() {
  for (const PackRule rule : kPackRules) {
    if (!best_order_.empty() && (done() || work_.exhausted())) return;
    PackOrder order = order_by(problem_, rule);
    Placement placement = place_in_order(problem_, order, work_);
    if (!best_order_.empty() && placement.height >= best_.height) continue;
    best_ = std::move(placement);
    best_order_ = std::move(order);
  }
}

SearchEnd Packer::search_at(Bytes capacity, std::uint64_t work) {
  const std::uint64_t n = problem_.items.size();
  for (std::uint64_t round = 4 * n * n; work > 0; round *= 2) {
    for (const SearchRule rule : kSearchRules) {
      const std::uint64_t share = std::min(round, work);
      WorkMeter meter(share);
      SearchResult result = search_placement(problem_, capacity, rule, meter);
      work -= share - meter.left();
      work_.spend(share - meter.left());
      if (result.end == SearchEnd::kFound) keep(std::move(result.placement));
      if (result.end != SearchEnd::kOutOfWork) return result.end;
    }
  }
  return SearchEnd::kOutOfWork;
}

// A search that runs out of work counts as a failure, so the result need not be the least height.
void Packer::bisect(std::uint64_t work) {
  constexpr std::uint64_t kProbes = 8;
  Bytes low = goal_;
  for (std::uint64_t probe = 0; probe < kProbes && !done() && low < best_.height; ++probe) {
    const Bytes middle{low.count() + (best_.height - low).count() / 2};
    if (middle == low) return;
    if (search_at(middle, work / kProbes) != SearchEnd::kFound) low = middle;
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
