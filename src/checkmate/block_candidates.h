// Candidates for all blocks of a chain: each distinct block is solved once, or read from a cache.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <vector>

#include "checkmate/candidate_cache.h"
#include "graph/chain.h"
#include "rockmate/milp.h"
#include "schedule/candidate.h"

namespace rockmate::checkmate {

struct BlockProgress {
  std::size_t block = 0;  ///< of `blocks` distinct ones: how many have begun
  std::size_t blocks = 0;
  std::size_t pair = 0;  ///< of `pairs` of limits in the block that reports
  std::size_t pairs = 0;
  double gap = 0;
};

struct BlockOptions {
  std::size_t candidates = 400;       ///< of a block, at most
  std::optional<Solver> solver = {};  ///< none: the fastest one for programs of this size
  const CandidateCache* cache = nullptr;
  int threads = 0;  ///< 0: all cores; never changes the answer
  std::function<void(const BlockProgress&)> progress = nullptr;  ///< one call at a time
  std::stop_token stop = {};
};

struct ChainCandidates {
  std::vector<std::vector<Candidate>> of_block;  ///< by block of the chain
  std::size_t count = 0;                         ///< over distinct blocks
  std::size_t programs = 0;                      ///< solved for them; 0: all came from the cache
  std::optional<Solver> solver = {};             ///< none is linked
  bool is_complete = true;                       ///< was not stopped
};

/// Blocks of more forward ops are not solved: they have the one candidate that keeps them whole.
inline constexpr std::size_t kLargestBlock = 14;

/// The solver that these options mean; none if none is linked.
[[nodiscard]] std::optional<Solver> chosen_solver(const BlockOptions& options);

/// The graph cut into blocks that can be solved, equal ones where it repeats itself.
[[nodiscard]] Chain candidate_chain(const TrainingGraph& graph);

/// When stopped: what has been found so far. Without a solver, no candidates.
[[nodiscard]] ChainCandidates find_candidates(const TrainingGraph& graph, const Chain& chain,
                                              const BlockOptions& options);

}  // namespace rockmate::checkmate
