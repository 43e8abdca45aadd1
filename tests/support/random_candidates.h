// Random ways to run the backward part of a block, valid by construction: what is forgotten is made
// again before it is read, some of it more than once.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/chain.h"
#include "rockmate/training_graph.h"
#include "schedule/candidate.h"

namespace rockmate::testing {

/// By block of the chain, `count` each at most.
[[nodiscard]] std::vector<std::vector<Candidate>> random_candidates(const TrainingGraph& graph,
                                                                    const Chain& chain,
                                                                    std::size_t count,
                                                                    std::uint64_t seed);

}  // namespace rockmate::testing
