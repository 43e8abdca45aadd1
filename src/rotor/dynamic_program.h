// Rotor's recursion on a chain of bundles, solved exactly: each state is a staircase of (bytes,
// seconds), so one solve gives the whole curve, and the cost of every interval of blocks.
#pragma once

#include <cstddef>
#include <stop_token>
#include <vector>

#include "rotor/chain_costs.h"
#include "rotor/recursion.h"
#include "rotor/staircase.h"

namespace rockmate::rotor {

struct SolveOptions {
  int threads = 0;  ///< 0: all cores; never changes the answer
  std::stop_token stop = {};
};

/// The threads that a solver of so many blocks uses.
[[nodiscard]] int team_size(int threads, std::size_t blocks);

/// All states of the recursion, solved. Time O(L^3) staircase operations, memory O(L^2) staircases.
class Solution {
 public:
  Solution(const ChainCosts& costs, const SolveOptions& options);

  /// False if it was stopped before the end; then nothing else may be asked.
  [[nodiscard]] bool complete() const { return complete_; }
  /// Forward and backward of blocks a .. b: bytes over what is stored around them, forward seconds.
  [[nodiscard]] const Staircase& interval(std::size_t a, std::size_t b) const {
    return states_(a, b);
  }
  [[nodiscard]] const States<Staircase>& states() const { return states_; }

 private:
  struct Scratch {
    Envelope envelope;
    std::vector<std::int64_t> peaks;
  };
  [[nodiscard]] Staircase solve(std::size_t a, std::size_t b, Scratch& scratch) const;

  const ChainCosts& costs_;
  std::vector<PassProfile> profiles_;  // by column
  States<Staircase> states_;
  bool complete_ = true;
};

}  // namespace rockmate::rotor
