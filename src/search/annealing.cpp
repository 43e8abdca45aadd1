#include "search/annealing.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "search/moves.h"

// The energy of a plan is
//
//   seconds / plain seconds + price * (bytes above the budget, summed over all runs).
//
// The price rises by 1 % per step while the plan does not fit and falls while it does, so that the
// search swings across the border of what fits, where the good plans are (strategic oscillation).
// It has a cap: without one, a search that stays above the budget for long is left with the bytes
// alone and no temperature to leave a trap. The temperature falls geometrically with the work done.

namespace rockmate::search {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kMovesPerPriceStep = 100;
constexpr std::uint64_t kMovesPerLook = 128;  // at the clock
constexpr double kPriceStep = 1.01;
// Of exceeding the budget by all of it during one run, in plain iterations.
constexpr double kFirstPrice = 1;
constexpr double kHighestPrice = 10;

class Annealing {
 public:
  Annealing(const Problem& problem, Bytes budget, const Runs& start, const SearchOptions& options)
      : problem_(problem),
        options_(options),
        started_(Clock::now()),
        random_(options.seed),
        state_(problem, static_cast<double>(budget.count()), start),
        moves_(problem, state_, random_) {
    const double plain = problem.graph.plain_seconds().count();
    per_second_ = plain > 0 ? 1 / plain : 0;
    per_budget_ = 1 / std::max(1.0, static_cast<double>(budget.count()) - problem.static_bytes);
    keep_best();
  }

  SearchResult run() {
    double price = kFirstPrice;
    double temperature = options_.start_temperature;
    for (; !is_over(); ++best_.moves) {
      if (best_.moves % kMovesPerLook == 0) temperature = temperature_now();
      if (best_.moves % kMovesPerPriceStep == 0) {
        price =
            state_.excess() > 0 ? std::min(price * kPriceStep, kHighestPrice) : price / kPriceStep;
      }
      step(price, temperature);
    }
    return std::move(best_);
  }

 private:
  void step(double price, double temperature) {
    const double before = energy(price);
    const bool moved = moves_.propose();
    const double rise = moved ? energy(price) - before : 0;
    if (moved && (rise <= 0 || random_.uniform() < std::exp(-rise / temperature))) {
      state_.commit();
      keep_best();
    } else {
      state_.rollback();
    }
  }

  [[nodiscard]] double energy(double price) const {
    return state_.seconds() * per_second_ + price * per_budget_ * state_.excess();
  }

  [[nodiscard]] double temperature_now() {
    double done = static_cast<double>(best_.moves) / static_cast<double>(options_.work_limit);
    if (options_.time_limit) {
      const std::chrono::duration<double> elapsed = Clock::now() - started_;
      done = std::max(done, elapsed.count() / options_.time_limit->count());
    }
    done_ = done;
    const double fall = options_.end_temperature / options_.start_temperature;
    return options_.start_temperature * std::pow(fall, std::min(done, 1.0));
  }

  [[nodiscard]] bool is_over() const {
    return best_.moves >= options_.work_limit || done_ >= 1 || options_.stop.stop_requested() ||
           (best_.feasible && best_.seconds <= options_.lower_bound);
  }

  void keep_best() {
    const bool feasible = state_.excess() == 0;
    if (best_.feasible && !feasible) return;
    const double peak = state_.peak();
    const double seconds = state_.seconds();
    if (!best_.runs.empty() && best_.feasible == feasible) {
      // The sum of seconds drifts in its last digits.
      const bool is_better = feasible ? seconds < best_.seconds.count() * (1 - 1e-12)
                                      : peak < static_cast<double>(best_.peak.count());
      if (!is_better) return;
    }
    best_.runs = state_.runs();
    best_.feasible = feasible;
    best_.peak = Bytes(static_cast<std::int64_t>(peak));
    best_.seconds = Seconds(seconds);
    if (options_.progress) {
      options_.progress({best_.moves, feasible, best_.peak, best_.seconds});
    }
  }

  const Problem& problem_;
  const SearchOptions& options_;
  Clock::time_point started_;
  Random random_;
  State state_;
  Moves moves_;
  double per_second_ = 0;
  double per_budget_ = 0;
  double done_ = 0;
  SearchResult best_;
};

}  // namespace

SearchResult anneal(const Problem& problem, Bytes budget, const Runs& start,
                    const SearchOptions& options) {
  return Annealing(problem, budget, start, options).run();
}

}  // namespace rockmate::search
