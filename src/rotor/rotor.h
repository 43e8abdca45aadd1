// Rotor's planner on one chain of a training graph: the curve of peak against seconds, and the runs
// behind each of its points. See papers/rotor.md.
#pragma once

#include <memory>
#include <stop_token>
#include <vector>

#include "graph/chain.h"
#include "rockmate/training_graph.h"
#include "rockmate/units.h"
#include "schedule/runs.h"

namespace rockmate::rotor {

struct RotorOptions {
  int threads = 0;  ///< 0: all cores; never changes the answer
  std::stop_token stop = {};
};

/// A plan of the recursion: its replayed peak is at most `peak`, its seconds at most `seconds`.
struct CurvePoint {
  Bytes peak;
  Seconds seconds;
};

class Rotor {
 public:
  /// Solves the recursion. Chains of up to 130 blocks exactly, longer ones with thinned states.
  /// The chain must have blocks.
  Rotor(const TrainingGraph& graph, Chain chain, const RotorOptions& options);
  ~Rotor();
  Rotor(Rotor&&) noexcept;
  Rotor& operator=(Rotor&&) noexcept;

  /// By rising peak and falling seconds; empty if it was stopped.
  [[nodiscard]] const std::vector<CurvePoint>& curve() const { return curve_; }
  /// The runs of a point of the curve.
  [[nodiscard]] Runs runs(const CurvePoint& point) const;
  [[nodiscard]] std::size_t blocks() const;
  /// The share of recomputed seconds by which states were thinned; 0 means exact.
  [[nodiscard]] double tolerance() const;

 private:
  struct Solved;
  std::unique_ptr<Solved> solved_;
  std::vector<CurvePoint> curve_;
};

}  // namespace rockmate::rotor
