#include "checkmate/block_candidates.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>

#include "checkmate/candidates.h"
#include "graph/cuts.h"
#include "graph/repeats.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace rockmate::checkmate {
namespace {

// Pairs of limits over all distinct blocks: networks of many different blocks get coarser grids.
constexpr std::size_t kAllPairs = 1200;
constexpr std::size_t kLeastPairs = 25;
// The dynamic program's time grows with the cube of the number of blocks, that of a block's
// integer programs much faster: with 20 forward ops it is minutes, with 10 seconds.
constexpr std::size_t kMostBlocks = 130;
constexpr std::size_t kBlockOps = 12;
constexpr std::size_t kUsualBlockOps = 8;

int team_size(int threads) {
#ifdef _OPENMP
  return threads > 0 ? threads : omp_get_max_threads();
#else
  static_cast<void>(threads);
  return 1;
#endif
}

class Finder {
 public:
  Finder(const TrainingGraph& graph, const Chain& chain, const BlockOptions& options)
      : graph_(graph),
        chain_(chain),
        options_(options),
        repeats_(find_repeats(graph, chain)),
        found_(repeats_.classes()) {}

  ChainCandidates run() {
    ChainCandidates all;
    all.solver = chosen_solver(options_);
    all.of_block.resize(chain_.blocks.size());
    if (!all.solver) return all;
    const std::size_t each = kAllPairs / std::max<std::size_t>(1, found_.size());
    pairs_ = std::min(options_.candidates, std::max(kLeastPairs, each));
    std::exception_ptr failure;
#pragma omp parallel for schedule(dynamic, 1) num_threads(team_size(options_.threads))
    for (std::size_t k = 0; k < found_.size(); ++k) {
      try {
        solve(k, *all.solver);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        failure = std::current_exception();
      }
    }
    if (failure) std::rethrow_exception(failure);
    for (std::size_t b = 0; b < chain_.blocks.size(); ++b) {
      all.of_block[b] = found_[repeats_.class_of[b]];
    }
    for (const auto& candidates : found_) all.count += candidates.size();
    all.programs = programs_;
    all.is_complete = is_complete_;
    return all;
  }

 private:
  void solve(std::size_t k, Solver name) {
    const Block& block = chain_.blocks[repeats_.representative[k]];
    if (block.forward.size() > kLargestBlock) return;
    const CacheKey key{repeats_.hash[k], name, pairs_, block.forward.size(), block.backward.size()};
    if (options_.cache != nullptr) {
      if (auto known = options_.cache->find(key)) {
        found_[k] = *std::move(known);
        return;
      }
    }
    const std::size_t number = ++begun_;
    SweepOptions sweeping;
    sweeping.candidates = pairs_;
    sweeping.stop = options_.stop;
    if (options_.progress) {
      sweeping.progress = [&, number](const SweepProgress& now) {
        const std::lock_guard lock(mutex_);
        options_.progress({number, found_.size(), now.pairs, now.all_pairs, now.gap});
      };
    }
    const StagedProblem problem = staged_block(graph_, block);
    const Sweep swept = sweep(problem, *make_solver(name), sweeping);
    programs_ += swept.progress.programs;
    if (!swept.is_complete) is_complete_ = false;
    for (const Reruns& reruns : swept.choices) {
      found_[k].push_back(to_candidate(problem, reruns));
    }
    if (options_.cache != nullptr && swept.is_complete) options_.cache->keep(key, found_[k]);
  }

  const TrainingGraph& graph_;
  const Chain& chain_;
  const BlockOptions& options_;
  Repeats repeats_;
  std::vector<std::vector<Candidate>> found_;  // by class
  std::size_t pairs_ = 0;
  std::atomic<std::size_t> begun_ = 0;
  std::atomic<std::size_t> programs_ = 0;
  std::atomic<bool> is_complete_ = true;
  std::mutex mutex_;
};

}  // namespace

std::optional<Solver> chosen_solver(const BlockOptions& options) {
  if (options.solver) return options.solver;
  const std::vector<Solver> linked = linked_solvers();
  // GLPK takes a fifth of CBC's time for programs of some hundred rows.
  const bool has_glpk = std::find(linked.begin(), linked.end(), Solver::kGlpk) != linked.end();
  if (has_glpk) return Solver::kGlpk;
  return linked.empty() ? std::nullopt : std::optional(linked.front());
}

Chain candidate_chain(const TrainingGraph& graph) {
  return cut_chain(graph, choose_cuts(graph, {.max_blocks = kMostBlocks,
                                              .max_block_ops = kBlockOps,
                                              .target_block_ops = kUsualBlockOps}));
}

ChainCandidates find_candidates(const TrainingGraph& graph, const Chain& chain,
                                const BlockOptions& options) {
  return Finder(graph, chain, options).run();
}

}  // namespace rockmate::checkmate
