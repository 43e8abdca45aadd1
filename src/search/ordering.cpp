// Annealing of the order alone, before anything runs twice. The energy is the area above the
// budget, bytes by runs, in units of the budget during one run. So is the temperature, and it
// begins at 1, which is what a mean value takes: as many values are made as there are runs, and
// together they fill about the budget at each. There even far moves are free; from where it ends,
// none is.

#include "search/ordering.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "search/moves.h"

namespace rockmate::search {
namespace {

constexpr double kHot = 1, kCold = 1e-3;
constexpr std::uint64_t kMovesPerLook = 128;  // at the clock

}  // namespace

Runs anneal_order(const Problem& problem, Bytes budget, const Runs& start,
                  const ReorderOptions& options) {
  using Clock = std::chrono::steady_clock;
  const auto began = Clock::now();
  Random random(options.seed);
  State state(problem, static_cast<double>(budget.count()), start);
  Moves moves(problem, state, random);
  const double room = std::max(1.0, static_cast<double>(budget.count()) - problem.static_bytes);
  Runs best = start;
  double least = state.excess();
  double done = 0;
  for (std::uint64_t k = 0; done < 1 && least > 0 && !options.stop.stop_requested(); ++k) {
    if (k % kMovesPerLook == 0) {
      done = static_cast<double>(k) / static_cast<double>(options.work_limit);
      if (options.time_limit) {
        const std::chrono::duration<double> spent = Clock::now() - began;
        done = std::max(done, spent.count() / options.time_limit->count());
      }
    }
    const double temperature = kHot * std::pow(kCold / kHot, std::min(1.0, done));
    const double limit = state.excess() - temperature * room * std::log(1 - random.uniform());
    const bool is_possible = moves.propose_order();
    if (is_possible) state.settle();
    if (!is_possible || state.excess() > limit) {
      state.rollback();
      continue;
    }
    state.commit();
    if (state.excess() >= least) continue;
    least = state.excess();
    best = state.runs();
  }
  return best;
}

}  // namespace rockmate::search
