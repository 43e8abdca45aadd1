// Rotor's planner on one chain of a training graph: the curve of peak against seconds, the runs
// behind each of its points, and how far each may be from the best plan of the same kind. See
// papers/rotor.md.
#pragma once

#include <memory>
#include <stop_token>
#include <vector>

#include "graph/chain.h"
#include "rockmate/training_graph.h"
#include "rockmate/units.h"
#include "rotor/chain_plans.h"
#include "schedule/runs.h"

namespace rockmate::rotor {

/// How finely a chain that is too long to be solved exactly is solved.
enum class Precision : std::uint8_t {
  kCoarse,  ///< a thousand blocks in half a second
  kFine     ///< in several
};

struct RotorOptions {
  /// Chains of up to so many blocks are solved exactly; the time grows with the cube of them.
  std::size_t exact_blocks = 130;
  Precision precision = Precision::kFine;
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
  /// Solves the recursion. The chain must have blocks.
  Rotor(const TrainingGraph& graph, Chain chain, const RotorOptions& options);
  ~Rotor();
  Rotor(Rotor&&) noexcept;
  Rotor& operator=(Rotor&&) noexcept;

  /// By rising peak and falling seconds; empty if it was stopped.
  [[nodiscard]] const std::vector<CurvePoint>& curve() const { return curve_; }
  /// The runs of a point of the curve.
  [[nodiscard]] Runs runs(const CurvePoint& point) const;
  /// The chain, for `trace` to add plans to.
  [[nodiscard]] ChainPlans no_plans() const;
  /// The plans of these points of the curve. Parts that they share are added once.
  std::vector<PartId> trace(const std::vector<CurvePoint>& points, ChainPlans& plans) const;
  /// No plan of the recursion on this chain, by its count of bytes, takes fewer seconds within the
  /// budget; infinite if there is none. What the curve has, where the chain was solved exactly.
  [[nodiscard]] Seconds bound(Bytes budget) const;
  /// How much longer the curve's plan within the budget takes than `bound`, as a share of it: 0
  /// where that is proven best, infinite where the curve has none.
  [[nodiscard]] double epsilon(Bytes budget) const;
  [[nodiscard]] std::size_t blocks() const;

 private:
  struct Solved;
  std::unique_ptr<Solved> solved_;
  std::vector<CurvePoint> curve_;
};

}  // namespace rockmate::rotor
