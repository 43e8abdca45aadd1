// States of one length depend on shorter ones only, so each length is solved in parallel.

#include "rotor/dynamic_program.h"

#include <atomic>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace rockmate::rotor {
namespace {

// Below this, waiting for each other costs threads more than they gain.
constexpr std::size_t kBlocksForThreads = 32;

}  // namespace

int team_size(int threads, std::size_t blocks) {
  if (blocks < kBlocksForThreads) return 1;
#ifdef _OPENMP
  return threads > 0 ? threads : omp_get_max_threads();
#else
  static_cast<void>(threads);
  return 1;
#endif
}

Solution::Solution(const ChainCosts& costs, const SolveOptions& options)
    : costs_(costs), states_(std::vector<std::size_t>(costs.blocks())) {
  const std::size_t blocks = costs.blocks();
  for (std::size_t b = 0; b < blocks; ++b) profiles_.push_back(costs.pass_profile(0, b));
  std::atomic<bool> stopped = false;
#pragma omp parallel num_threads(team_size(options.threads, blocks))
  {
    Scratch scratch;
    for (std::size_t length = 1; length <= blocks; ++length) {
#pragma omp for schedule(dynamic, 4)
      for (std::size_t a = 0; a <= blocks - length; ++a) {
        if (stopped || options.stop.stop_requested()) {
          stopped = true;
          continue;
        }
        const std::size_t b = a + length - 1;
        states_(a, b) = solve(a, b, scratch);
      }
    }
  }
  complete_ = !stopped;
  profiles_.clear();
}

Staircase Solution::solve(std::size_t a, std::size_t b, Scratch& scratch) const {
  scratch.envelope.clear();
  for_each_way(costs_, a, profiles_[b], scratch.peaks, [&](const Way& way) {
    const std::size_t rest = way.j == 0 ? a + 1 : way.j;
    const Shifted right = {rest <= b ? &states_(rest, b) : nullptr, way.right_held};
    const Shifted left = {way.j == 0 ? nullptr : &states_(a, way.j - 1), way.left_held};
    scratch.envelope.offer(way.floor, way.seconds, right, left, static_cast<std::uint32_t>(way.j));
  });
  return scratch.envelope.points();
}

}  // namespace rockmate::rotor
