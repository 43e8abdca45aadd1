// From points of solved states to the choices behind them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>

#include "rotor/candidate_costs.h"
#include "rotor/chain_costs.h"
#include "rotor/chain_plans.h"
#include "rotor/staircase.h"

namespace rockmate::rotor {

/// The points of state (a, b).
using StateOf = std::function<Shifted(std::size_t a, std::size_t b)>;

class Tracer {
 public:
  /// All must outlive it; `kept` may be null: blocks are kept whole.
  Tracer(const ChainCosts& costs, const CandidateCosts* kept, StateOf state, ChainPlans& plans)
      : costs_(costs), kept_(kept), state_(std::move(state)), plans_(plans) {}

  /// The plan that reaches the fewest seconds within `bytes` (static bytes and tail left out),
  /// which must reach the first point of the whole interval. Time of the parts that are new.
  PartId trace(std::int64_t bytes);

 private:
  // A point of a state. Equal states share their points, and so the part behind each.
  struct Spot {
    std::size_t a, b;
    const Point* point;
    std::int64_t bytes;  // as state (a, b) counts them
  };
  struct Inside {
    std::optional<Spot> right, left;
    std::uint32_t way = 0;
  };
  [[nodiscard]] Spot spot(std::size_t a, std::size_t b, std::int64_t bytes) const;
  [[nodiscard]] Inside inside(const Spot& spot) const;

  const ChainCosts& costs_;
  const CandidateCosts* kept_;
  StateOf state_;
  ChainPlans& plans_;
  std::unordered_map<const Point*, PartId> parts_;
};

}  // namespace rockmate::rotor
