// The items that are placed never overlap, and lie within the capacity; the others wait. A step
// takes one that waits, puts it where those that it pushes out are worth least, and lets them wait.
// It ends when nobody waits.
//
// What an item is worth: its area (bytes times sections) to begin with, for small items are easily
// placed late; and each time it comes back it is worth more, so that no two items push each other
// out for ever, and those that are hard to place get the places that there are.
//
// Tried instead, on plans of random layered graphs (500 ops, the arena within 3 % of the load):
// late acceptance over the order of first fit (needs 8 % where this needs 5 %, in equal time);
// overlaps allowed and paid for by growing prices per pair, as in nesting (40 pairs left where this
// leaves one item); annealing with the area that waits as energy (the least area, but many items);
// taking the item that is worth most, or that waits longest, instead of any.
#include "schedule/pack_eject.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "schedule/pack_place.h"

namespace rockmate {
namespace {

// What an item gains when it is placed again, in parts of its first worth and of the mean worth.
constexpr double kOwnGain = 0.1;
constexpr double kMeanGain = 0.1;

// The placed items, by rising lower or upper end.
class Ends {
 public:
  struct Row {
    std::int64_t at;
    std::uint32_t first;
    std::uint32_t last;
    std::uint32_t item;
  };
  void insert(const Row& row) {
    rows_.insert(std::upper_bound(rows_.begin(), rows_.end(), row.at,
                                  [](std::int64_t at, const Row& other) { return at < other.at; }),
                 row);
  }
  void erase(std::int64_t at, std::uint32_t item) {
    auto row = std::lower_bound(rows_.begin(), rows_.end(), at,
                                [](const Row& other, std::int64_t a) { return other.at < a; });
    while (row->item != item) ++row;
    rows_.erase(row);
  }
  // Those that `item` meets; without branches, which nobody could predict.
  void collect(const Extent& item, std::vector<PlacedEnd>& out) const {
    out.resize(rows_.size() + 1);
    std::size_t count = 0;
    for (const Row& row : rows_) {
      out[count] = {row.at, row.item};
      count += static_cast<std::size_t>(int{row.first <= item.last} & int{item.first <= row.last});
    }
    out.resize(count);
  }

 private:
  std::vector<Row> rows_;
};

std::int64_t common_divisor(const PackProblem& problem) {
  std::int64_t divisor = 0;
  for (const Extent& item : problem.items) divisor = std::gcd(divisor, item.size.count());
  return divisor;
}

class Ejection {
 public:
  Ejection(const PackProblem& problem, Bytes capacity, const Placement& start, std::uint64_t seed)
      : problem_(problem),
        capacity_(whole_units(capacity.count(), common_divisor(problem))),
        offsets_(start.offsets),
        random_(seed) {
    const std::size_t n = problem.items.size();
    double sum = 0;
    for (const Extent& item : problem.items) {
      const double area = static_cast<double>(item.size.count()) * item.width();
      first_worth_.push_back(area);
      sum += area;
    }
    for (double& worth : first_worth_) worth *= static_cast<double>(n) / sum;
    worth_ = first_worth_;
    for (std::uint32_t i = 0; i < n; ++i) {
      if (offsets_[i] + problem.items[i].size > capacity_) {
        waiting_.push_back(i);
      } else {
        put(i);
      }
    }
  }

  // Places one that waits.
  void step() {
    const std::size_t drawn = below(waiting_.size());
    const std::uint32_t i = waiting_[drawn];
    waiting_[drawn] = waiting_.back();
    waiting_.pop_back();
    const Extent& item = problem_.items[i];
    by_lower_.collect(item, lower_);
    by_upper_.collect(item, upper_);
    offsets_[i] = Bytes(cheapest_place(item));
    const Bytes end = offsets_[i] + item.size;
    for (const PlacedEnd& other : lower_) {
      const std::uint32_t j = other.item;
      if (offsets_[j] < end && offsets_[i] < offsets_[j] + problem_.items[j].size) take_out(j);
    }
    put(i);
    worth_[i] += kOwnGain * first_worth_[i] + kMeanGain;
  }

  [[nodiscard]] bool done() const { return waiting_.empty(); }
  [[nodiscard]] std::vector<Bytes> offsets() && { return std::move(offsets_); }

 private:
  // Among those that `lower_` and `upper_` list; of equally cheap places, any.
  [[nodiscard]] std::int64_t cheapest_place(const Extent& item) {
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
    offer_places(lower_, upper_, item.size.count(), capacity_.count(), worth_, offer);
    return best;
  }
  // As in the rest of the packer: no distribution of the standard library, the bias does no harm.
  std::size_t below(std::size_t count) { return random_() % count; }

  void put(std::uint32_t i) {
    const Extent& item = problem_.items[i];
    by_lower_.insert({offsets_[i].count(), item.first, item.last, i});
    by_upper_.insert({(offsets_[i] + item.size).count(), item.first, item.last, i});
  }
  void take_out(std::uint32_t i) {
    by_lower_.erase(offsets_[i].count(), i);
    by_upper_.erase((offsets_[i] + problem_.items[i].size).count(), i);
    waiting_.push_back(i);
  }

  const PackProblem& problem_;
  const Bytes capacity_;
  std::vector<Bytes> offsets_;
  std::mt19937_64 random_;
  std::vector<double> first_worth_;  // 1 in the mean
  std::vector<double> worth_;
  std::vector<std::uint32_t> waiting_;
  Ends by_lower_, by_upper_;
  std::vector<PlacedEnd> lower_, upper_;  // scratch of `step`
};

}  // namespace

std::optional<Placement> eject_placement(const PackProblem& problem, Bytes capacity,
                                         const Placement& start, std::uint64_t seed,
                                         WorkMeter& work) {
  if (problem.bound > capacity) return std::nullopt;
  Ejection ejection(problem, capacity, start, seed);
  while (!ejection.done()) {
    if (work.exhausted()) return std::nullopt;
    work.spend(2 * problem.items.size());
    ejection.step();
  }
  Placement placement{std::move(ejection).offsets(), {}};
  for (std::size_t i = 0; i < problem.items.size(); ++i) {
    placement.height = std::max(placement.height, placement.offsets[i] + problem.items[i].size);
  }
  return placement;
}

}  // namespace rockmate
