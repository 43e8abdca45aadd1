// Plans of one chain as the choices that make them. A *part* of a plan is a state of the recursion
// with one way to begin it; it runs blocks a .. a + blocks - 1, wherever a is, so plans share parts
// with each other and with themselves: a curve of a thousand plans is a few thousand parts.
//
//   keep         way of keeping block a;  right: the part that follows in (a + 1, b), if any
//   checkpoint   left: the part of (a, j - 1), which tells j;  right: that of (j, b)
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "graph/chain.h"
#include "rockmate/training_graph.h"
#include "schedule/runs.h"

namespace rockmate::rotor {

using PartId = std::uint32_t;
inline constexpr PartId kNoPart = ~PartId{0};

struct PlanPart {
  std::uint32_t way = 0;
  PartId right = kNoPart;
  PartId left = kNoPart;
  friend bool operator==(const PlanPart&, const PlanPart&) = default;
};

class ChainPlans {
 public:
  /// By block, by way: what its backward part runs. The graph must outlive it.
  using Ways = std::vector<std::vector<std::vector<OpId>>>;
  /// The chain must have blocks.
  ChainPlans(const TrainingGraph& graph, Chain chain, Ways ways);
  /// One way: blocks are kept whole.
  ChainPlans(const TrainingGraph& graph, const Chain& chain);

  /// The parts inside must have been added before. Throws InvalidInput if they do not fit together.
  PartId add(const PlanPart& part);
  /// Whether each of these parts runs the whole chain, and only in ways that its blocks have.
  [[nodiscard]] bool are_plans(const std::vector<PartId>& parts) const;
  /// The runs of a plan, idle ones left out.
  [[nodiscard]] Runs runs(PartId plan) const;

  [[nodiscard]] const Chain& chain() const { return chain_; }
  [[nodiscard]] const Ways& ways() const { return ways_; }
  [[nodiscard]] const std::vector<PlanPart>& parts() const { return parts_; }

 private:
  const TrainingGraph& graph_;
  Chain chain_;
  Ways ways_;
  IdVector<OpId, char> runs_again_;
  std::vector<PlanPart> parts_;
  std::vector<std::size_t> blocks_;  // by part
};

}  // namespace rockmate::rotor
