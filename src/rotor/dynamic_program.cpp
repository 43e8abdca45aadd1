// The recursion, after Beaumont et al., "Optimal checkpointing for heterogeneous chains" (2019),
// Theorem 1, on bundles. T(a, b) is the staircase of state (a, b), m its bytes:
//
//   keep a:        U_a + T(a + 1, b)(m - keep_held(a, b))          for m >= keep_peak(a, b)
//   checkpoint j:  U_a + .. + U_(j-1) + T(j, b)(m - checkpoint_held(a, j, b))
//                                     + T(a, j - 1)(m - left_held(a, j, b))
//                                                                  for m >= pass_peak(a, j, b)
//   T(a, b) = the least of these at each m,
//
// where U_a is the seconds of one forward pass of block a. The original has memory in slots; here m
// runs over all bytes, and a state is the list of the places where its seconds change. States of
// one length depend on shorter ones only, so each length is solved in parallel.

#include "rotor/dynamic_program.h"

#include <algorithm>
#include <atomic>

#include "base/check.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace rockmate::rotor {
namespace {

// Below this, waiting for each other costs threads more than they gain.
constexpr std::size_t kBlocksForThreads = 32;

int team_size(int threads, std::size_t blocks) {
  if (blocks < kBlocksForThreads) return 1;
#ifdef _OPENMP
  return threads > 0 ? threads : omp_get_max_threads();
#else
  static_cast<void>(threads);
  return 1;
#endif
}

}  // namespace

Solution::Solution(const ChainCosts& costs, const SolveOptions& options)
    : costs_(costs), options_(options), states_(costs.blocks() * (costs.blocks() + 1) / 2) {
  const std::size_t blocks = costs.blocks();
  std::atomic<bool> stopped = false;
#pragma omp parallel num_threads(team_size(options.threads, blocks))
  {
    Envelope envelope;
    std::vector<std::int64_t> passes;
    for (std::size_t length = 1; length <= blocks; ++length) {
#pragma omp for schedule(dynamic, 4)
      for (std::size_t a = 0; a <= blocks - length; ++a) {
        if (stopped || options_.stop.stop_requested()) {
          stopped = true;
          continue;
        }
        const std::size_t b = a + length - 1;
        states_[index(a, b)] = solve(a, b, envelope, passes);
      }
    }
  }
  complete_ = !stopped;
}

Staircase Solution::solve(std::size_t a, std::size_t b, Envelope& envelope,
                          std::vector<std::int64_t>& passes) const {
  envelope.clear();
  const double keep_seconds = costs_.forward_seconds(a, a + 1);
  const Staircase* rest = a < b ? &interval(a + 1, b) : nullptr;
  envelope.offer(costs_.keep_peak(a, b), keep_seconds, {rest, costs_.keep_held(a, b)}, {}, 0);

  const std::int64_t base = costs_.base(a, b);
  costs_.pass_peaks(a, b, passes);
  for (std::size_t j = a + 1; j <= b; ++j) {
    const Shifted right = {&interval(j, b), costs_.checkpoint_held(a, j, b, base)};
    const Shifted left = {&interval(a, j - 1), costs_.left_held(a, j, b)};
    envelope.offer(passes[j - a - 1], costs_.forward_seconds(a, j), right, left,
                   static_cast<std::uint32_t>(j));
  }
  return thinned(envelope.points(), options_.tolerance, options_.thinning);
}

std::size_t Solution::largest_state() const {
  std::size_t largest = 0;
  for (const Staircase& state : states_) largest = std::max(largest, state.size());
  return largest;
}

namespace {

class Reconstruction {
 public:
  Reconstruction(const TrainingGraph& graph, const Chain& chain, const ChainCosts& costs,
                 const Solution& solution)
      : chain_(chain), costs_(costs), solution_(solution), has_run_(graph.ops().size()) {}

  // An explicit stack: chains may be long.
  Runs all(std::int64_t bytes) {
    stack_.push_back({Task::kState, 0, chain_.blocks.size() - 1, bytes});
    while (!stack_.empty()) {
      const Task task = stack_.back();
      stack_.pop_back();
      if (task.kind == Task::kState) {
        open(task);
      } else {
        for (const OpId op : chain_.blocks[task.a].backward) runs_.push_back({op});
      }
    }
    for (const OpId op : chain_.tail) runs_.push_back({op});
    return std::move(runs_);
  }

 private:
  struct Task {
    enum Kind { kState, kBackward } kind;
    std::size_t a, b;
    std::int64_t bytes;
  };

  void open(const Task& task) {
    const auto [kind, a, b, bytes] = task;
    const Staircase& points = solution_.interval(a, b);
    const std::ptrdiff_t at = last_within(points, bytes);
    ROCKMATE_CHECK(at >= 0, "a state of the recursion got fewer bytes than it was promised");
    const std::size_t j = points[static_cast<std::size_t>(at)].choice;
    if (j == 0) {
      forward(a);
      stack_.push_back({Task::kBackward, a, a, 0});
      if (a < b) stack_.push_back({Task::kState, a + 1, b, bytes - costs_.keep_held(a, b)});
    } else {
      for (std::size_t block = a; block < j; ++block) forward(block);
      const std::int64_t held = costs_.checkpoint_held(a, j, b, costs_.base(a, b));
      stack_.push_back({Task::kState, a, j - 1, bytes - costs_.left_held(a, j, b)});
      stack_.push_back({Task::kState, j, b, bytes - held});
    }
  }

  void forward(std::size_t block) {
    for (const OpId op : chain_.blocks[block].forward) {
      if (has_run_[op] && !costs_.runs_again(op)) continue;
      has_run_[op] = true;
      runs_.push_back({op});
    }
  }

  const Chain& chain_;
  const ChainCosts& costs_;
  const Solution& solution_;
  IdVector<OpId, char> has_run_;
  std::vector<Task> stack_;
  Runs runs_;
};

}  // namespace

Runs reconstruct(const TrainingGraph& graph, const Chain& chain, const ChainCosts& costs,
                 const Solution& solution, std::int64_t bytes) {
  return Reconstruction(graph, chain, costs, solution).all(bytes);
}

}  // namespace rockmate::rotor
