// From solved states to the runs of a plan.
#pragma once

#include <cstdint>

#include "graph/chain.h"
#include "rotor/chain_costs.h"
#include "rotor/recursion.h"
#include "rotor/staircase.h"
#include "schedule/runs.h"

namespace rockmate::rotor {

/// The runs that reach the fewest seconds within `bytes` (static bytes and tail left out); `bytes`
/// must reach the first point of the whole interval.
[[nodiscard]] Runs reconstruct(const TrainingGraph& graph, const Chain& chain,
                               const ChainCosts& costs, const States<Staircase>& states,
                               std::int64_t bytes);

}  // namespace rockmate::rotor
