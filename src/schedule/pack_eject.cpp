// The items that are inside fit within the capacity; the others wait. A step takes one that waits,
// puts it where those that it pushes out are worth least, and lets them wait. It ends when nobody
// waits. Items inside have no offsets, only an order of who lies above whom (stacking.h): all the
// room that sliding them up and down could make is there for the one that looks for a place.
//
// What an item is worth: bytes times sections to begin with, for small items are easily placed
// late, where a section counts the less the more room there is in it; and each time it comes back
// it is worth more, so that no two items push each other out for ever, and those that are hard to
// place get the places that there are.
//
// Tried instead, on plans of random layered graphs (500 ops, the arena within 3 % of the load):
// items that stay at fixed offsets until they are pushed out (gaps of 2.6, 4.4 and 6.4 % where this
// reaches 1.2, 2.5 and 3.5 %, in more time); late acceptance over the order of first fit; overlaps
// allowed and paid for by growing prices per pair, as in nesting; annealing with the area that
// waits as energy (the least area, but many items); taking the item that is worth most, or that
// waits longest, instead of any; other powers of bytes and sections as the first worth (no
// difference); sections that count alike (2.1 % where this reaches 1.5 %, mean of ten runs).
#include "schedule/pack_eject.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "schedule/stacking.h"

namespace rockmate {
namespace {

// What an item gains when it is placed again, in parts of its first worth and of the mean worth.
constexpr double kOwnGain = 0.3;
constexpr double kMeanGain = 0.1;
// A section with 1 % less in it than the fullest one counts as half of it.
constexpr double kTightness = 70;

// Of each item, how hard it is to place; 1 in the mean.
std::vector<double> worth_of(const PackProblem& problem) {
  std::vector<double> before = {0};  // sums over the sections before each one
  for (const Bytes load : problem.load) {
    const double share =
        static_cast<double>(load.count()) / static_cast<double>(problem.bound.count());
    before.push_back(before.back() + std::pow(share, kTightness));
  }
  std::vector<double> worth;
  double sum = 0;
  for (const Extent& item : problem.items) {
    const double sections = before[item.last + 1] - before[item.first];
    worth.push_back(static_cast<double>(item.size.count()) * sections);
    sum += worth.back();
  }
  for (double& w : worth) w *= static_cast<double>(worth.size()) / sum;
  return worth;
}

class Ejection {
 public:
  Ejection(const PackProblem& problem, Bytes capacity, const std::vector<Bytes>& start,
           std::uint64_t seed)
      : stacking_(problem, capacity),
        random_(seed),
        first_worth_(worth_of(problem)),
        worth_(first_worth_),
        waiting_(stacking_.fill(start)) {}

  // Places one that waits.
  void step() {
    const std::size_t drawn = below(waiting_.size());
    const std::uint32_t i = waiting_[drawn];
    waiting_[drawn] = waiting_.back();
    waiting_.pop_back();
    stacking_.obstacles(i, lower_, upper_);
    stacking_.insert(i, cheapest_place(stacking_.size(i)), waiting_);
    worth_[i] += kOwnGain * first_worth_[i] + kMeanGain;
  }

  [[nodiscard]] bool done() const { return waiting_.empty(); }
  [[nodiscard]] const std::vector<std::uint32_t>& waiting() const { return waiting_; }
  [[nodiscard]] std::uint64_t work() const { return stacking_.work(); }
  [[nodiscard]] std::vector<Bytes> offsets() const { return stacking_.offsets(); }

 private:
  // Among those that `lower_` and `upper_` list; of equally cheap places, any.
  [[nodiscard]] std::int32_t cheapest_place(std::int32_t size) {
    constexpr double kTie = 1e-9;  // rounding errors of sums of prices
    std::int64_t best = 0;
    double least = std::numeric_limits<double>::infinity();
    std::size_t ties = 0;
    const auto offer = [&](std::int64_t offset, double price) {
      if (price > least + kTie) return;
      ties = price < least - kTie ? 1 : ties + 1;
      if (ties > 1 && below(ties) != 0) return;
      best = offset;
      least = price;
    };
    offer_places(lower_, upper_, size, stacking_.capacity(), worth_, offer);
    return static_cast<std::int32_t>(best);
  }
  // As in the rest of the packer: no distribution of the standard library, the bias does no harm.
  std::size_t below(std::size_t count) { return random_() % count; }

  Stacking stacking_;
  std::mt19937_64 random_;
  std::vector<double> first_worth_;  // 1 in the mean
  std::vector<double> worth_;
  std::vector<std::uint32_t> waiting_;
  std::vector<PlacedEnd> lower_, upper_;  // scratch of `step`
};

}  // namespace

std::optional<Placement> eject_placement(const PackProblem& problem, Bytes capacity,
                                         const Placement& start, std::uint64_t seed,
                                         WorkMeter& work) {
  if (problem.bound > capacity) return std::nullopt;
  Ejection ejection(problem, capacity, start.offsets, seed);
  while (!ejection.done()) {
    if (work.exhausted()) return std::nullopt;
    work.spend(ejection.work());
    ejection.step();
  }
  Placement placement{ejection.offsets(), {}};
  for (std::size_t i = 0; i < problem.items.size(); ++i) {
    placement.height = std::max(placement.height, placement.offsets[i] + problem.items[i].size);
  }
  return placement;
}

PartialPlacement eject_some(const PackProblem& problem, Bytes capacity,
                            const std::vector<Bytes>& start, std::uint64_t seed, WorkMeter& work) {
  const auto area_of = [&](const std::vector<std::uint32_t>& waiting) {
    double area = 0;
    for (const std::uint32_t i : waiting) {
      const Extent& item = problem.items[i];
      area += static_cast<double>(item.size.count()) * static_cast<double>(item.duration);
    }
    return area;
  };
  PartialPlacement best{start, {}};
  for (std::uint32_t i = 0; i < start.size(); ++i) {
    if (start[i] + problem.items[i].size > capacity) best.waiting.push_back(i);
  }
  double least = area_of(best.waiting);
  Ejection ejection(problem, capacity, start, seed);
  while (!ejection.done() && !work.exhausted()) {
    work.spend(ejection.work());
    ejection.step();
    const double area = area_of(ejection.waiting());
    if (area >= least) continue;
    least = area;
    best = {ejection.offsets(), ejection.waiting()};
  }
  return best;
}

}  // namespace rockmate
