// Rockmate's dynamic program: Rotor's recursion in which a block is kept with one of several
// candidates, or forgotten. See papers/rockmate.md.
#pragma once

#include <memory>
#include <stop_token>
#include <vector>

#include "graph/chain.h"
#include "rockmate/training_graph.h"
#include "rotor/chain_plans.h"
#include "rotor/rotor.h"
#include "schedule/candidate.h"
#include "schedule/runs.h"

namespace rockmate::rotor {

struct CandidateRotorOptions {
  int threads = 0;  ///< 0: all cores; never changes the answer
  std::stop_token stop = {};
};

class CandidateRotor {
 public:
  /// `candidates`: by block of the chain, which must have blocks. Keeping a block whole is always
  /// one of the choices. All states exactly: time of the cube of the number of blocks.
  CandidateRotor(const TrainingGraph& graph, Chain chain,
                 const std::vector<std::vector<Candidate>>& candidates,
                 const CandidateRotorOptions& options);
  ~CandidateRotor();
  CandidateRotor(CandidateRotor&&) noexcept;
  CandidateRotor& operator=(CandidateRotor&&) noexcept;

  /// By rising peak and falling seconds; empty if it was stopped.
  [[nodiscard]] const std::vector<CurvePoint>& curve() const { return curve_; }
  /// The runs of a point of the curve.
  [[nodiscard]] Runs runs(const CurvePoint& point) const;
  /// The chain and the ways to keep its blocks, for `trace` to add plans to.
  [[nodiscard]] ChainPlans no_plans() const;
  /// The plans of these points of the curve. Parts that they share are added once.
  std::vector<PartId> trace(const std::vector<CurvePoint>& points, ChainPlans& plans) const;
  /// Candidates of all blocks that no other of the same block beats.
  [[nodiscard]] std::size_t candidates() const;

 private:
  struct Solved;
  std::unique_ptr<Solved> solved_;
  std::vector<CurvePoint> curve_;
};

}  // namespace rockmate::rotor
