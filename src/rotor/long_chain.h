// Rotor's recursion on long chains: a curve of plans, and a curve below which no plan of the
// recursion lies. Both come from one solve; how far they lie apart is known at every budget.
#pragma once

#include <atomic>
#include <cstddef>
#include <stop_token>
#include <vector>

#include "rotor/chain_costs.h"
#include "rotor/convex_bound.h"
#include "rotor/recursion.h"
#include "rotor/spine_bound.h"
#include "rotor/staircase.h"

namespace rockmate::rotor {

struct LongChainOptions {
  std::size_t window = 40;  ///< states of up to so many blocks are solved everywhere
  std::size_t long_columns =
      40;  ///< longer ones at about so many ends, and at the end of the chain
  std::size_t window_points = 64;   ///< of a state in the window at most
  std::size_t long_points = 128;    ///< of a longer one
  std::size_t spine_points = 2000;  ///< of a state that reaches to the end of the chain
  int threads = 0;                  ///< 0: all cores; never changes the answer
  std::stop_token stop = {};
};

class LongChain {
 public:
  LongChain(const ChainCosts& costs, const LongChainOptions& options);

  /// False if it was stopped before the end; then nothing else may be asked.
  [[nodiscard]] bool complete() const { return complete_; }
  /// The states that were solved; the whole chain is among them.
  [[nodiscard]] const States<Staircase>& states() const { return states_; }
  /// No plan of the recursion for the whole chain lies below it. Forward seconds, as in states().
  [[nodiscard]] const ConvexBound& bound() const { return spine_[0]; }

 private:
  struct Scratch;

  [[nodiscard]] bool is_stopped();
  void solve_window();
  void solve_long_states();
  void find_ways(std::size_t a, std::size_t b, Scratch& scratch) const;
  void solve(std::size_t a, std::size_t b, Scratch& scratch);
  [[nodiscard]] ConvexBound bound_of(std::size_t a, std::size_t b, Scratch& scratch) const;
  [[nodiscard]] Staircase points_of(std::size_t a, std::size_t b, const ConvexBound& guide,
                                    Scratch& scratch) const;
  [[nodiscard]] std::size_t point_limit(std::size_t a, std::size_t b) const;

  const ChainCosts& costs_;
  LongChainOptions options_;
  std::vector<PassProfile> profiles_;  // by column
  States<Staircase> states_;
  States<ConvexBound> bounds_;
  SpineBound spine_;
  std::atomic<bool> complete_ = true;
};

}  // namespace rockmate::rotor
