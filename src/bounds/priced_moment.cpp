// Let t be the moment. For each op o and storage S, of a schedule:
//
//   a_o = 1   o runs first after the moment (a descendant of t does, an ancestor does not)
//   l_o = 1   o runs after the moment, first or again; it may be 1 beside a_o = 0 only for ops that
//             may run again
//   n_S = 1   S is used after the moment: an op with l_o = 1 needs it, or it is a result
//
// Whatever is used later is kept across the moment or made after it, so every schedule pays
//
//   the sum of seconds_o (l_o - a_o)  and, at the moment,  the sum of bytes_S [n_S and not l_maker]
//
// where the maker of a sum is the first op that adds to it (a sum cannot be made again: l = a).
// With a price per byte the least of both together is a minimum cut: a node per variable, an arc
// (x, y) with the cost of x = 1, y = 0. For each price p,
//
//   least(p) - p * (bytes left at the moment)
//
// is a lower bound on the seconds of recomputation (Lagrange); it is concave in p. The best price
// is found between two cuts, one that keeps too much and one that keeps little enough, where their
// lines meet (Eisner and Severance, 1976): finitely many steps, ten or so in practice. The matrix
// of the constraints is that of a flow, so this is also the bound of the relaxed integer program:
// what an integer program adds is that of a knapsack.

#include "bounds/priced_moment.h"

#include <algorithm>
#include <optional>

#include "bounds/minimum_cut.h"

namespace rockmate {
namespace {

// All capacities that a cut may use add up to at most this.
constexpr double kWhole = static_cast<double>(std::int64_t{1} << 59);

constexpr std::size_t kOne = MinimumCut::kSource;  // variables that are 1
constexpr std::size_t kZero = MinimumCut::kSink;

// What a cut costs: its line over the price is seconds + price * bytes.
struct Cut {
  double value = 0;  // a lower bound on the least of seconds + price * bytes
  double seconds = 0;
  double bytes = 0;
};

class PricedMoment {
 public:
  PricedMoment(const MomentFacts& facts, const Moment& moment)
      : facts_(facts), moment_(moment), nodes_(2) {
    number_ops();
    needed_ = IdVector<ValueId, std::size_t>(facts.graph.values().size(), kOne);
    for (const ValueId s : facts.storages) {
      if (!moment.live.contains(s) && !moment.free.contains(s)) needed_[s] = nodes_++;
    }
    for (std::size_t o = 0; o < facts.graph.ops().size(); ++o) connect(OpId(o));
    for (const ValueId s : facts.storages) connect(s);
    for (const ValueId s : facts.result_storages) imply(kOne, needed_[s]);
    network_.emplace(nodes_, std::move(arcs_));
  }

  [[nodiscard]] Cut cut(double price) {
    constexpr double kTiny = 1e-30;  // where nothing costs anything
    const double scale = kWhole / std::max(kTiny, all_seconds_ + price * all_bytes_);
    const auto set = [&](const Priced& each, double factor) {
      network_->set_capacity(each.arc, static_cast<std::int64_t>(factor * each.amount * scale));
    };
    for (const Priced& each : timed_) set(each, 1);
    for (const Priced& each : sized_) set(each, price);
    Cut cut;
    cut.value = static_cast<double>(network_->solve()) / scale * (1 - 1e-15);
    for (const Priced& each : timed_) cut.seconds += network_->is_cut(each.arc) ? each.amount : 0;
    for (const Priced& each : sized_) cut.bytes += network_->is_cut(each.arc) ? each.amount : 0;
    return cut;
  }
  /// Of the last cut, with those that the moment keeps anyway.
  [[nodiscard]] std::set<ValueId> kept() const {
    std::set<ValueId> kept = moment_.live;
    for (std::size_t i = 0; i < sized_.size(); ++i) {
      if (network_->is_cut(sized_[i].arc)) kept.insert(sized_storages_[i]);
    }
    return kept;
  }
  [[nodiscard]] double all_seconds() const { return all_seconds_; }
  [[nodiscard]] double all_bytes() const { return all_bytes_; }

 private:
  struct Priced {
    std::size_t arc;
    double amount;  // seconds, or bytes
  };

  // The variables of an op: two, one for both, or none.
  void number_ops() {
    const auto& ops = facts_.graph.ops();
    ahead_ = IdVector<OpId, std::size_t>(ops.size(), kZero);
    later_ = IdVector<OpId, std::size_t>(ops.size(), kZero);
    for (std::size_t o = 0; o < ops.size(); ++o) {
      const OpId id(o);
      const Side side = moment_.side[id];
      if (side == Side::kAfter) ahead_[id] = kOne;
      if (side == Side::kEither) ahead_[id] = nodes_++;
      const bool may_run_again = side != Side::kAfter && ops[id].recomputable;
      later_[id] = may_run_again ? nodes_++ : ahead_[id];
    }
  }

  void connect(OpId op) {
    if (later_[op] != ahead_[op]) {
      imply(ahead_[op], later_[op]);
      timed_.push_back({arc(later_[op], ahead_[op]), facts_.seconds[op]});
      all_seconds_ += facts_.seconds[op];
    }
    for (const OpId earlier : facts_.before[op]) imply(ahead_[earlier], ahead_[op]);
    for (const OpId update : facts_.barriers[op]) imply(later_[op], ahead_[update]);
    for (const ValueId s : facts_.needs[op]) imply(later_[op], needed_[s]);
  }

  void connect(ValueId storage) {
    if (needed_[storage] == kOne) return;  // it costs no more than it has to
    for (const OpId adder : facts_.graph[storage].contributors) {
      imply(ahead_[adder], needed_[storage]);
    }
    const std::size_t made = later_[facts_.maker(storage)];
    if (made == kOne) return;
    const auto bytes = static_cast<double>(facts_.graph[storage].bytes.count());
    sized_.push_back({arc(needed_[storage], made), bytes});
    sized_storages_.push_back(storage);
    all_bytes_ += bytes;
  }

  // x = 1 only if y = 1.
  void imply(std::size_t x, std::size_t y) {
    if (x == kZero || y == kOne || x == y) return;
    arc(x, y, MinimumCut::kUncuttable);
  }

  std::size_t arc(std::size_t from, std::size_t to, std::int64_t capacity = 0) {
    arcs_.push_back({from, to, capacity});
    return arcs_.size() - 1;
  }

  const MomentFacts& facts_;
  const Moment& moment_;
  std::size_t nodes_;
  IdVector<OpId, std::size_t> ahead_, later_;  // nodes of a_o and l_o
  IdVector<ValueId, std::size_t> needed_;      // nodes of n_S
  std::vector<MinimumCut::Arc> arcs_;          // until the network is made of them
  std::optional<MinimumCut> network_;
  std::vector<Priced> timed_, sized_;
  std::vector<ValueId> sized_storages_;  // by index of sized_
  double all_seconds_ = 0, all_bytes_ = 0;
};

}  // namespace

PricedBound priced_bound(const MomentFacts& facts, const Moment& moment, Bytes budget,
                         double worth) {
  constexpr int kMostCuts = 60;  // rounding could make steps without end
  const auto room = static_cast<double>(moment.room(budget).count());
  PricedMoment priced(facts, moment);
  // At such a price a byte is dearer than all seconds: as few bytes as can be.
  const double highest = 2 * priced.all_seconds() + 1;
  Cut low = priced.cut(0);
  Cut high = priced.cut(highest);
  PricedBound bound;
  if (high.bytes > room) {
    bound.is_feasible = false;
    return bound;
  }
  bound.kept = priced.kept();
  for (int i = 0; i < kMostCuts && low.bytes > room; ++i) {
    const double price = (high.seconds - low.seconds) / (low.bytes - high.bytes);
    // Where the lines meet lies the most that is still to be had.
    const double most = low.seconds + price * (low.bytes - room);
    if (most <= worth || most <= bound.extra_seconds * (1 + 1e-12)) break;
    const Cut cut = priced.cut(price);
    if (cut.value - price * room > bound.extra_seconds) {
      bound.extra_seconds = cut.value - price * room;
    }
    if (cut.bytes > room) {
      if (cut.bytes >= low.bytes) break;
      low = cut;
    } else {
      if (cut.bytes <= high.bytes && cut.seconds >= high.seconds) break;
      high = cut;
      bound.kept = priced.kept();
    }
  }
  bound.kept_seconds = high.seconds;
  return bound;
}

}  // namespace rockmate
