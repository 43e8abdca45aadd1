// Chains for tests of rematerialization, a replay that shares nothing with the planners, and all
// plans of a tiny chain.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "pipeline/stage_plan.h"

namespace rockmate::testing {

/// `candidates` per block at most, sizes 1 .. 20; transients in half of the chains.
[[nodiscard]] StageChain random_chain(std::size_t blocks, std::size_t candidates,
                                      std::uint64_t seed);

/// n blocks of a = d = x = 1 and one candidate (u_f, u_b, sigma) = (1, 2, 4), without transients.
[[nodiscard]] StageChain hand_chain(std::size_t blocks);

struct Replay {
  double seconds = 0;
  std::int64_t peak = 0;  ///< inputs and gradients counted
  std::size_t receives = 0;
};
/// Runs the steps on a table of everything that lives; throws InternalError at a step that cannot
/// run, a rest that is not empty at the end, or an order that is no GPipe order.
[[nodiscard]] Replay replay(const StageChain& chain, std::size_t micro_batches,
                            const std::vector<StageStep>& steps);

/// Every plan of the recursion's shape, fit or not. Exponential.
void for_each_plan(const StageChain& chain, std::size_t micro_batches,
                   const std::function<void(const std::vector<StageStep>&)>& visit);

}  // namespace rockmate::testing
