// Ways to run the blocks between which stages are cut: integer programs find them for blocks that
// are small enough; larger ones are cut further, and the ways of their parts are put together by
// the recursion over the parts. Equal blocks are solved once, or read from a cache.
#pragma once

#include <vector>

#include "checkmate/block_candidates.h"
#include "graph/chain.h"
#include "rockmate/training_graph.h"
#include "schedule/candidate.h"

namespace rockmate {

/// By block of the chain, for all of which two ways are known anyway: to keep what its backward
/// reads, and to run it again as a whole. When stopped: what has been found so far.
[[nodiscard]] std::vector<std::vector<Candidate>> stage_candidates(
    const TrainingGraph& graph, const Chain& chain, const checkmate::BlockOptions& options);

}  // namespace rockmate
