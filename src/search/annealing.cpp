#include "search/annealing.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "search/arena.h"
#include "search/moves.h"

// The energy of a plan is
//
//   seconds / plain seconds + price * (bytes above the budget, summed over all runs),
//
// and where plans must be easy to lay out, a small constant price on all that is nearly above it.
//
// The temperature falls and the price rises, each by the same factor per move. At first a mean
// value may be above the budget as easily as the temperature lets it, at the end nothing is: the
// plan finds where its recomputation goes while it need not fit yet.
//
// With an arena, the bytes of what finds no place in it stand in for those above the budget. A move
// that leaves something outside is not refused before some pushes have looked for other places for
// it (arena.h), and while something stays outside, others follow each move. There the price rises
// by 1 % per step while something is outside and falls while nothing is, so that the search swings
// across the border of what fits (strategic oscillation); from its top it falls to its bottom.
//
// The work is cut into cycles, each twice as long as the one before, so that the first good plans
// come early. Cycles alternate between a hot one from the start, which finds other valleys than the
// ones before, and a warm one from the best plan so far, which finds the bottom of its valley. In
// each the temperature falls geometrically. With an arena the first cycle lasts until all has a
// place, unless the start has them; all others go on from the best plan where things lie in it. The
// search gives up where the price is at its top and something is still outside: another may have
// more luck.
// papers/search.md says what else was tried.

namespace rockmate::search {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kMovesPerLook = 128;  // at the clock
// Nothing ends warmer than this, in units of the seconds of a mean op.
constexpr double kEndTemperatureOfOp = 0.05;
// Of exceeding the budget by all of it during one run, in plain iterations: where a cycle ends.
constexpr double kLastPrice = 100;
// What is outside of an arena is hardly ever nothing while it is warm, so this price starts low.
struct ArenaPrices {
  double first, again, top, bottom;
};
constexpr ArenaPrices kArenaPrices{1.5e-2, 0.1, 10, 1e-4};
constexpr double kPriceStep = 1.01, kStepsPerCycle = 600;
// The first cycle with an arena looks for places, and takes this part of the work or longer, until
// it has them all; those after it begin with them.
constexpr double kFirstCycleWithPlaces = 0.5;
// Of items in the arena: after each move of the plan, and before one is refused for what it leaves
// outside, colder; where that is more than a few items, they are hopeless.
constexpr int kPushes = 3, kPushesBeforeRefusal = 8;
constexpr double kColdPush = 0.3;
constexpr std::size_t kMostNewOutside = 2;
// Steps of the packer before the first move: whoever has no place then must be bought in with
// recomputation. A tenth of the time of all moves, and no more than half a second.
constexpr std::uint64_t kPackWorkPerMove = 1000, kMostPackWork = 200'000'000;
constexpr double kPackWorkPerSecond = 3e7;
// Moves after which all items are rearranged at once.
constexpr std::uint64_t kMovesPerRearrangement = 256;

double mean_bytes(const Problem& problem) {
  double sum = 0, count = 0;
  for (const double bytes : problem.bytes) {
    if (bytes <= 0) continue;
    sum += bytes;
    ++count;
  }
  return count > 0 ? sum / count : 1;
}

class Annealing {
 public:
  Annealing(const Problem& problem, Bytes budget, const Runs& start, const SearchOptions& options)
      : problem_(problem),
        options_(options),
        started_(Clock::now()),
        random_(options.seed),
        start_(start),
        budget_(static_cast<double>(budget.count())),
        mean_bytes_(mean_bytes(problem)) {
    const double plain = problem.graph.plain_seconds().count();
    per_second_ = plain > 0 ? 1 / plain : 0;
    end_temperature_ = std::min(options.end_temperature,
                                kEndTemperatureOfOp / static_cast<double>(problem.op_count));
    per_budget_ = 1 / std::max(1.0, budget_ - problem.static_bytes);
  }

  SearchResult run() {
    for (int k = 0; k < options_.cycles && !is_over(); ++k) {
      if (options_.layout && k > 0 && !best_.feasible) break;  // others begin with places
      cycle(options_.layout ? k > 0 || starts_with_places() : k % 2 == 1, end_of_cycle(k));
    }
    return std::move(best_);
  }

 private:
  // In parts of the work.
  [[nodiscard]] double end_of_cycle(int k) const {
    const int cycles = options_.cycles;
    if (k + 1 == cycles) return 1;
    if (starts_with_places()) return static_cast<double>(k + 1) / cycles;
    if (!options_.layout) return (std::ldexp(1.0, k + 1) - 1) / (std::ldexp(1.0, cycles) - 1);
    return kFirstCycleWithPlaces + (1 - kFirstCycleWithPlaces) * k / (cycles - 1);
  }

  [[nodiscard]] bool starts_with_places() const {
    return options_.layout && !options_.places.empty();
  }

  // Anneals from the start, or again from the best plan, until this share of the work is done.
  void cycle(bool again, double end) {
    const bool from_best = again && !best_.runs.empty();
    State state(problem_, budget_, from_best ? best_.runs : start_);
    const double hot = again ? options_.reheat_temperature : options_.start_temperature;
    std::optional<Arena> arena;
    if (options_.layout) {
      arena.emplace(problem_, state, capacity(), random_,
                    from_best ? best_.places : options_.places, pack_work());
    }
    Moves moves(problem_, state, random_, arena ? &*arena : nullptr);
    keep_best(state, arena);
    const double begin = done_;
    const double fall = std::min(1.0, end_temperature_ / hot);
    const double soft = first_price(again);
    price_ = soft;
    temperature_ = hot;
    double part = 0;
    bool gives_up = false;
    const auto still_looks = [&] { return arena && !best_.feasible && !gives_up; };
    const auto goes_on = [&] { return done_ < end || still_looks(); };
    for (; !is_over() && goes_on(); ++best_.moves) {
      if (best_.moves % kMovesPerLook == 0) {
        done_ = share_done();
        // More than 1 while the first cycle still looks for places.
        const double before = std::exchange(part, (done_ - begin) / (end - begin));
        temperature_ = hot * std::pow(fall, std::min(1.0, part));
        const double price =
            arena ? next_price(price_, kStepsPerCycle * (part - before), arena->fits())
                  : soft * std::pow(kLastPrice / soft, std::min(1.0, part));
        gives_up |= arena && !arena->fits() && price < price_;
        price_ = price;
      }
      step(state, arena, moves);
    }
  }

  [[nodiscard]] double first_price(bool again) const {
    if (options_.layout) return again ? kArenaPrices.again : kArenaPrices.first;
    const double mean_op = 1 / static_cast<double>(problem_.op_count);
    return std::min(kLastPrice, options_.first_price * mean_op / (mean_bytes_ * per_budget_));
  }

  [[nodiscard]] static double next_price(double price, double steps, bool fits) {
    price *= std::pow(kPriceStep, fits ? -steps : steps);
    return price > kArenaPrices.top ? kArenaPrices.bottom : price;
  }

  void step(State& state, std::optional<Arena>& arena, Moves& moves) {
    const std::size_t outside = arena ? arena->outside_count() : 0;
    const double limit = energy(state, arena) - temperature_ * std::log(1 - random_.uniform());
    const double most = most_seconds(limit, state);
    if (moves.propose(most) && state.seconds() <= most &&
        is_within(limit, state, arena, outside + kMostNewOutside)) {
      state.commit();
      if (arena) arena->commit();
      keep_best(state, arena);
    } else {
      state.rollback();
      if (arena) arena->rollback();
    }
    for (int k = 0; arena && k < kPushes && !arena->fits(); ++k) {
      arena->push(push_temperature());
      arena->commit();
      if (arena->fits()) keep_best(state, arena);
    }
    if (arena && !arena->fits() && best_.moves % kMovesPerRearrangement == 0) {
      arena->rearrange();
      if (arena->fits()) keep_best(state, arena);
    }
  }

  // From cheap to dear; most moves have been refused for their seconds alone.
  [[nodiscard]] bool is_within(double limit, State& state, std::optional<Arena>& arena,
                               std::size_t most_outside) const {
    state.settle();
    // What is above the budget has no place in the arena either.
    if (energy(state, std::nullopt) > limit) return false;
    if (!arena) return true;
    arena->follow();
    if (energy(state, arena) <= limit) return true;
    if (arena->outside_count() > most_outside) return false;
    for (int k = 0; k < kPushesBeforeRefusal; ++k) {
      arena->push(kColdPush * push_temperature());
      if (energy(state, arena) <= limit) return true;
    }
    return false;
  }

  // In the unit of Arena::outside.
  [[nodiscard]] double push_temperature() const { return temperature_ / (price_ * per_budget_); }

  // That a plan within this energy can take; where it already takes more than the options let it,
  // no longer than now.
  [[nodiscard]] double most_seconds(double limit, const State& state) const {
    const double allowed = std::max(options_.most_seconds.count(), state.seconds());
    return per_second_ > 0 ? std::min(limit / per_second_, allowed) : allowed;
  }

  [[nodiscard]] static double violation(const State& state, const std::optional<Arena>& arena) {
    return arena ? arena->outside() : state.excess();
  }

  [[nodiscard]] double energy(const State& state, const std::optional<Arena>& arena) const {
    const double crowding = options_.price_of_crowding * state.crowding();
    return state.seconds() * per_second_ +
           per_budget_ * (price_ * violation(state, arena) + crowding);
  }

  [[nodiscard]] std::int64_t capacity() const {
    return static_cast<std::int64_t>(budget_ - problem_.static_bytes);
  }

  [[nodiscard]] std::uint64_t pack_work() const {
    const std::uint64_t most = std::min(options_.work_limit, kMostPackWork / kPackWorkPerMove);
    const double seconds = options_.time_limit.value_or(Seconds(1e3)).count();
    return std::min(most * kPackWorkPerMove,
                    static_cast<std::uint64_t>(seconds * kPackWorkPerSecond));
  }

  [[nodiscard]] double share_done() const {
    const double work = static_cast<double>(best_.moves) / static_cast<double>(options_.work_limit);
    if (!options_.time_limit) return work;
    const std::chrono::duration<double> elapsed = Clock::now() - started_;
    return std::max(work, elapsed.count() / options_.time_limit->count());
  }

  [[nodiscard]] bool is_over() const {
    return best_.moves >= options_.work_limit || done_ >= 1 || options_.stop.stop_requested() ||
           (best_.feasible && best_.seconds <= options_.lower_bound);
  }

  void keep_best(const State& state, const std::optional<Arena>& arena) {
    const bool feasible = violation(state, arena) == 0;
    if (best_.feasible && !feasible) return;
    const double peak = state.peak();
    const double seconds = state.seconds();
    if (!best_.runs.empty() && best_.feasible == feasible) {
      // The sum of seconds drifts in its last digits.
      const bool is_better = feasible ? seconds < best_.seconds.count() * (1 - 1e-12)
                                      : peak < static_cast<double>(best_.peak.count());
      if (!is_better) return;
    }
    best_.runs = state.runs();
    best_.feasible = feasible;
    best_.peak = Bytes(static_cast<std::int64_t>(peak));
    best_.seconds = Seconds(seconds);
    if (arena) best_.places = arena->places();
    if (options_.progress) {
      options_.progress({best_.moves, feasible, best_.peak, best_.seconds});
    }
  }

  const Problem& problem_;
  const SearchOptions& options_;
  Clock::time_point started_;
  Random random_;
  const Runs& start_;
  double budget_;
  double mean_bytes_;
  double end_temperature_ = 0;
  double per_second_ = 0;
  double per_budget_ = 0;
  double done_ = 0;
  double temperature_ = 0, price_ = 0;  // now
  SearchResult best_;
};

}  // namespace

SearchResult anneal(const Problem& problem, Bytes budget, const Runs& start,
                    const SearchOptions& options) {
  return Annealing(problem, budget, start, options).run();
}

}  // namespace rockmate::search
