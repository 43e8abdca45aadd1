// Chen et al., "Training Deep Nets with Sublinear Memory Cost" (2016), section 4.1, as a baseline:
// the chain falls into segments of equally many blocks; only the bundles between segments are kept
// in the forward pass, and each segment runs forward once more before its backward part.
#pragma once

#include <cstddef>

#include "graph/chain.h"
#include "rotor/chain_costs.h"
#include "schedule/runs.h"

namespace rockmate::rotor {

/// The runs with `segments` segments, 1 .. blocks; 1 is the plain iteration. What cannot run twice
/// is kept. See papers/chen_sqrt.md.
[[nodiscard]] Runs chen_segments(const TrainingGraph& graph, const Chain& chain,
                                 const ChainCosts& costs, std::size_t segments);

}  // namespace rockmate::rotor
