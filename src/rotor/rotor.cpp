#include "rotor/rotor.h"

#include <algorithm>

#include "rotor/chain_costs.h"
#include "rotor/dynamic_program.h"

namespace rockmate::rotor {
namespace {

constexpr std::size_t kExactBlocks = 130;

// Work grows with the cube of the number of blocks times the size of a state; the tolerance makes
// the states of long chains smaller.
double tolerance_for(std::size_t blocks) {
  if (blocks <= kExactBlocks) return 0;
  if (blocks <= 250) return 0.01;
  return blocks <= 500 ? 0.05 : 0.2;
}

}  // namespace

struct Rotor::Solved {
  Solved(const TrainingGraph& g, Chain c, const SolveOptions& solve_options)
      : graph(g),
        chain(std::move(c)),
        costs(graph, chain),
        options(solve_options),
        solution(costs, options) {}

  const TrainingGraph& graph;
  Chain chain;
  ChainCosts costs;
  SolveOptions options;
  Solution solution;
};

Rotor::Rotor(const TrainingGraph& graph, Chain chain, const RotorOptions& options) {
  SolveOptions solve;
  solve.tolerance = tolerance_for(chain.blocks.size());
  solve.threads = options.threads;
  solve.stop = options.stop;
  solved_ = std::make_unique<Solved>(graph, std::move(chain), solve);
  if (!solved_->solution.complete()) return;
  const ChainCosts& costs = solved_->costs;
  for (const Point& point : solved_->solution.interval(0, costs.blocks() - 1)) {
    const std::int64_t bytes = std::max(point.bytes, costs.tail_peak());
    const CurvePoint next = {graph.static_bytes() + Bytes(bytes),
                             Seconds(point.seconds + costs.fixed_seconds())};
    if (!curve_.empty() && curve_.back().peak == next.peak) curve_.pop_back();
    curve_.push_back(next);
  }
}

Rotor::~Rotor() = default;
Rotor::Rotor(Rotor&&) noexcept = default;
Rotor& Rotor::operator=(Rotor&&) noexcept = default;

Runs Rotor::runs(const CurvePoint& point) const {
  const Bytes bytes = point.peak - solved_->graph.static_bytes();
  const Runs all =
      reconstruct(solved_->graph, solved_->chain, solved_->costs, solved_->solution, bytes.count());
  return without_idle_runs(solved_->graph, all);
}

std::size_t Rotor::blocks() const { return solved_->chain.blocks.size(); }
double Rotor::tolerance() const { return solved_->options.tolerance; }

}  // namespace rockmate::rotor
