// Keep with candidate k, beside Rotor's two choices (recursion.h):
//
//   keep a by k:  U_a + seconds(a, k) + T(a + 1, b)(m - held(a, k, b))  for m >= peak(a, k, b)

#include "rotor/candidate_rotor.h"

#include <algorithm>

#include "rotor/candidate_costs.h"
#include "rotor/dynamic_program.h"
#include "rotor/staircase.h"
#include "rotor/tracer.h"

namespace rockmate::rotor {

struct CandidateRotor::Solved {
  Solved(const TrainingGraph& g, Chain c, const std::vector<std::vector<Candidate>>& candidates,
         const CandidateRotorOptions& options)
      : graph(g),
        chain(std::move(c)),
        costs(graph, chain),
        kept(graph, chain, costs, candidates),
        states(costs, &kept, {options.threads, options.stop}) {}

  const TrainingGraph& graph;
  Chain chain;
  ChainCosts costs;
  CandidateCosts kept;
  Solution states;
};

CandidateRotor::CandidateRotor(const TrainingGraph& graph, Chain chain,
                               const std::vector<std::vector<Candidate>>& candidates,
                               const CandidateRotorOptions& options)
    : solved_(std::make_unique<Solved>(graph, std::move(chain), candidates, options)) {
  if (!solved_->states.complete()) return;
  const ChainCosts& costs = solved_->costs;
  const Shifted whole = solved_->states.state(0, costs.blocks() - 1);
  for (const Point& point : *whole.points) {
    const std::int64_t bytes = std::max(point.bytes + whole.by, costs.tail_peak());
    const CurvePoint next = {graph.static_bytes() + Bytes(bytes),
                             Seconds(point.seconds + costs.fixed_seconds())};
    if (!curve_.empty() && curve_.back().peak == next.peak) curve_.pop_back();
    curve_.push_back(next);
  }
}

CandidateRotor::~CandidateRotor() = default;
CandidateRotor::CandidateRotor(CandidateRotor&&) noexcept = default;
CandidateRotor& CandidateRotor::operator=(CandidateRotor&&) noexcept = default;

ChainPlans CandidateRotor::no_plans() const {
  ChainPlans::Ways ways(solved_->costs.blocks());
  for (std::size_t a = 0; a < ways.size(); ++a) {
    for (std::size_t k = 0; k < solved_->kept.count(a); ++k) {
      ways[a].push_back(solved_->kept.backward(a, k));
    }
  }
  return {solved_->graph, solved_->chain, std::move(ways)};
}

std::vector<PartId> CandidateRotor::trace(const std::vector<CurvePoint>& points,
                                          ChainPlans& plans) const {
  const auto state = [&](std::size_t a, std::size_t b) { return solved_->states.state(a, b); };
  Tracer tracer(solved_->costs, &solved_->kept, state, plans);
  std::vector<PartId> parts;
  for (const CurvePoint& point : points) {
    parts.push_back(tracer.trace((point.peak - solved_->graph.static_bytes()).count()));
  }
  return parts;
}

Runs CandidateRotor::runs(const CurvePoint& point) const {
  ChainPlans plans = no_plans();
  return plans.runs(trace({point}, plans).front());
}

std::size_t CandidateRotor::candidates() const {
  std::size_t count = 0;
  for (std::size_t a = 0; a < solved_->costs.blocks(); ++a) count += solved_->kept.count(a);
  return count;
}

}  // namespace rockmate::rotor
