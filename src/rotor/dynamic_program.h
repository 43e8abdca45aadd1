// Rotor's recursion on a chain of bundles, with exact bytes: each state is a staircase of (bytes,
// seconds), so one solve gives the whole curve, and the cost of every interval of blocks.
#pragma once

#include <cstddef>
#include <optional>
#include <stop_token>
#include <vector>

#include "graph/chain.h"
#include "rockmate/units.h"
#include "rotor/chain_costs.h"
#include "rotor/staircase.h"
#include "schedule/runs.h"

namespace rockmate::rotor {

struct SolveOptions {
  /// Neighbouring points of a state are merged when they differ by at most this share of the
  /// seconds that the state loses to recomputation; 0 is exact.
  double tolerance = 0;
  Thinning thinning = Thinning::kReachable;
  int threads = 0;  ///< 0: all cores; never changes the answer
  std::stop_token stop = {};
};

/// All states of the recursion, solved. Time O(L^3) staircase operations, memory O(L^2) staircases.
class Solution {
 public:
  Solution(const ChainCosts& costs, const SolveOptions& options);

  /// False if it was stopped before the end; then nothing else may be asked.
  [[nodiscard]] bool complete() const { return complete_; }
  /// Forward and backward of blocks a .. b: bytes over what is stored around them, forward seconds.
  [[nodiscard]] const Staircase& interval(std::size_t a, std::size_t b) const {
    return states_[index(a, b)];
  }
  /// The largest number of points of a state.
  [[nodiscard]] std::size_t largest_state() const;

 private:
  [[nodiscard]] std::size_t index(std::size_t a, std::size_t b) const {
    return b * (b + 1) / 2 + a;
  }
  [[nodiscard]] Staircase solve(std::size_t a, std::size_t b, Envelope& envelope,
                                std::vector<std::int64_t>& passes) const;

  const ChainCosts& costs_;
  SolveOptions options_;
  std::vector<Staircase> states_;
  bool complete_ = true;
};

/// The runs that reach the fewest seconds within `bytes` (static bytes and tail left out); `bytes`
/// must reach the first point of the whole interval.
[[nodiscard]] Runs reconstruct(const TrainingGraph& graph, const Chain& chain,
                               const ChainCosts& costs, const Solution& solution,
                               std::int64_t bytes);

}  // namespace rockmate::rotor
