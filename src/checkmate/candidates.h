// The candidates of one block: for a grid of limits on what is saved and on the peak, the choice of
// reruns that takes the least seconds, by integer programs.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <vector>

#include "checkmate/staged_problem.h"
#include "rockmate/milp.h"
#include "schedule/candidate.h"

namespace rockmate::checkmate {

struct SweepProgress {
  std::size_t programs = 0;  ///< integer programs solved
  std::size_t pairs = 0;     ///< of limits, decided so far
  std::size_t all_pairs = 0;
  std::size_t proven = 0;  ///< of those: none better within the gap that is sought
  double gap = 0;          ///< the largest relative one that a limit of work left
};

struct SweepOptions {
  std::size_t candidates = 400;    ///< and pairs of limits, at most
  std::uint64_t node_limit = 200;  ///< of one program
  std::function<void(const SweepProgress&)> progress = nullptr;
  std::stop_token stop = {};
};

struct Sweep {
  std::vector<Reruns> choices;  ///< none beats another in saved bytes, peak and seconds
  SweepProgress progress;
  bool is_complete = true;  ///< was not stopped
};

/// Deterministic, unless stopped. The first choice is the one without reruns.
[[nodiscard]] Sweep sweep(const StagedProblem& problem, const MilpSolver& solver,
                          const SweepOptions& options);

/// What the steps from the first stage on run.
[[nodiscard]] Candidate to_candidate(const StagedProblem& problem, const Reruns& reruns);

}  // namespace rockmate::checkmate
