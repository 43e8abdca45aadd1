// Keep with candidate k, beside Rotor's two choices (recursion.h):
//
//   keep a by k:  U_a + seconds(a, k) + T(a + 1, b)(m - held(a, k, b))  for m >= peak(a, k, b)
//
// A point's choice is j > 0 for checkpoint j, and the number of blocks plus k for candidate k.

#include "rotor/candidate_rotor.h"

#include <algorithm>
#include <atomic>

#include "base/check.h"
#include "rotor/candidate_costs.h"
#include "rotor/dynamic_program.h"
#include "rotor/recursion.h"
#include "rotor/staircase.h"

namespace rockmate::rotor {

struct CandidateRotor::Solved {
  Solved(const TrainingGraph& g, Chain c, const std::vector<std::vector<Candidate>>& candidates,
         const CandidateRotorOptions& options)
      : graph(g),
        chain(std::move(c)),
        costs(graph, chain),
        kept(graph, chain, costs, candidates),
        states(std::vector<std::size_t>(chain.blocks.size())) {
    solve_all(options);
  }

  void solve_all(const CandidateRotorOptions& options) {
    const std::size_t blocks = chain.blocks.size();
    std::vector<PassProfile> profiles;
    for (std::size_t b = 0; b < blocks; ++b) profiles.push_back(costs.pass_profile(0, b));
    std::atomic<bool> stopped = false;
#pragma omp parallel num_threads(team_size(options.threads, blocks))
    {
      Envelope envelope;
      std::vector<std::int64_t> peaks;
      for (std::size_t length = 1; length <= blocks; ++length) {
#pragma omp for schedule(dynamic, 1)
        for (std::size_t a = 0; a <= blocks - length; ++a) {
          if (stopped || options.stop.stop_requested()) {
            stopped = true;
            continue;
          }
          const std::size_t b = a + length - 1;
          envelope.clear();
          offer_all(a, profiles[b], envelope, peaks);
          states(a, b) = envelope.points();
        }
      }
    }
    is_complete = !stopped;
  }

  void offer_all(std::size_t a, const PassProfile& profile, Envelope& envelope,
                 std::vector<std::int64_t>& peaks) const {
    const std::size_t b = profile.b;
    for_each_way(costs, a, profile, peaks, [&](const Way& way) {
      if (way.j == 0) return;
      envelope.offer(way.floor, way.seconds, {&states(way.j, b), way.right_held},
                     {&states(a, way.j - 1), way.left_held}, static_cast<std::uint32_t>(way.j));
    });
    const double pass = costs.forward_seconds(a, a + 1);
    for (std::size_t k = 0; k < kept.count(a); ++k) {
      const CandidateCosts::Way way = kept.way(a, k, b);
      const Shifted rest = {a < b ? &states(a + 1, b) : nullptr, way.held};
      envelope.offer(way.peak, pass + way.seconds, rest, {},
                     static_cast<std::uint32_t>(costs.blocks() + k));
    }
  }

  [[nodiscard]] Runs reconstruct(std::int64_t bytes) const;

  const TrainingGraph& graph;
  Chain chain;
  ChainCosts costs;
  CandidateCosts kept;
  States<Staircase> states;
  bool is_complete = true;
};

Runs CandidateRotor::Solved::reconstruct(std::int64_t all_bytes) const {
  struct Task {
    const std::vector<OpId>* backward;  // or, where there is none, a state
    std::size_t a, b;
    std::int64_t bytes;
  };
  Runs runs;
  IdVector<OpId, char> has_run(graph.ops().size());
  const auto forward = [&](std::size_t block) {
    for (const OpId op : chain.blocks[block].forward) {
      if (has_run[op] != 0 && !costs.runs_again(op)) continue;
      has_run[op] = true;
      runs.push_back({op});
    }
  };
  std::vector<Task> stack = {{nullptr, 0, chain.blocks.size() - 1, all_bytes}};
  while (!stack.empty()) {
    const auto [backward, a, b, bytes] = stack.back();
    stack.pop_back();
    if (backward != nullptr) {
      for (const OpId op : *backward) runs.push_back({op});
      continue;
    }
    const std::ptrdiff_t at = last_within(states(a, b), bytes);
    ROCKMATE_CHECK(at >= 0, "a state of the recursion got fewer bytes than it was promised");
    const std::size_t choice = states(a, b)[static_cast<std::size_t>(at)].choice;
    if (choice >= costs.blocks()) {
      const std::size_t k = choice - costs.blocks();
      forward(a);
      stack.push_back({&kept.backward(a, k), a, a, 0});
      if (a < b) stack.push_back({nullptr, a + 1, b, bytes - kept.way(a, k, b).held});
    } else {
      for (std::size_t block = a; block < choice; ++block) forward(block);
      const std::int64_t held = costs.checkpoint_held(a, choice, b, costs.base(a, b));
      stack.push_back({nullptr, a, choice - 1, bytes - costs.left_held(a, choice, b)});
      stack.push_back({nullptr, choice, b, bytes - held});
    }
  }
  for (const OpId op : chain.tail) runs.push_back({op});
  return runs;
}

CandidateRotor::CandidateRotor(const TrainingGraph& graph, Chain chain,
                               const std::vector<std::vector<Candidate>>& candidates,
                               const CandidateRotorOptions& options)
    : solved_(std::make_unique<Solved>(graph, std::move(chain), candidates, options)) {
  if (!solved_->is_complete) return;
  const ChainCosts& costs = solved_->costs;
  for (const Point& point : solved_->states(0, costs.blocks() - 1)) {
    const std::int64_t bytes = std::max(point.bytes, costs.tail_peak());
    const CurvePoint next = {graph.static_bytes() + Bytes(bytes),
                             Seconds(point.seconds + costs.fixed_seconds())};
    if (!curve_.empty() && curve_.back().peak == next.peak) curve_.pop_back();
    curve_.push_back(next);
  }
}

CandidateRotor::~CandidateRotor() = default;
CandidateRotor::CandidateRotor(CandidateRotor&&) noexcept = default;
CandidateRotor& CandidateRotor::operator=(CandidateRotor&&) noexcept = default;

Runs CandidateRotor::runs(const CurvePoint& point) const {
  const Bytes bytes = point.peak - solved_->graph.static_bytes();
  return without_idle_runs(solved_->graph, solved_->reconstruct(bytes.count()));
}

std::size_t CandidateRotor::candidates() const {
  std::size_t count = 0;
  for (std::size_t a = 0; a < solved_->costs.blocks(); ++a) count += solved_->kept.count(a);
  return count;
}

}  // namespace rockmate::rotor
