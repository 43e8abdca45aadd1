// A bound for the states that reach to the end of the chain, from which every plan of the whole
// chain is made. A state inside that is too long to be bounded by what is known of it costs one
// forward pass of its blocks at least, whatever its bytes.
#pragma once

#include <cstddef>
#include <vector>

#include "rotor/chain_costs.h"
#include "rotor/convex_bound.h"
#include "rotor/recursion.h"

namespace rockmate::rotor {

class SpineBound {
 public:
  /// States of up to `window` blocks inside are bounded by what is given. The costs must outlive
  /// it.
  SpineBound(const ChainCosts& costs, std::size_t window);

  /// Bounds state (a, last block), after those of all blocks after a. `ways` are all of its ways;
  /// `inside` has the bounds of the states (a, j - 1) of up to `window` blocks.
  void solve(std::size_t a, const std::vector<Way>& ways, const States<ConvexBound>& inside,
             HullBuilder& hull);

  [[nodiscard]] const ConvexBound& operator[](std::size_t a) const { return bounds_[a]; }

 private:
  void join(std::size_t group, std::size_t a, HullBuilder& hull);

  const ChainCosts& costs_;
  std::size_t window_;
  std::size_t group_size_;
  std::vector<ConvexBound> bounds_;  // by a
  std::vector<ConvexBound> groups_;  // of checkpoints, see the essay
};

}  // namespace rockmate::rotor
