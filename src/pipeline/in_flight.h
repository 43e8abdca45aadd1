// Strategies for a stage that holds K micro-batches at once and whose oldest leaves first (1F1B): a
// multiset of K strategies, used one after the other and over again, so that any K micro-batches in
// a row use each of them once. What all of them save, and the transient bytes of the one that is
// being run, have to fit together.
#pragma once

#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "pipeline/segments.h"
#include "pipeline/stage_plan.h"

namespace rockmate {

/// K strategies, one per slot; seconds are the sum over all of them, a forward and a backward each.
struct InFlightPlan {
  Seconds seconds;
  std::vector<std::vector<StageStep>> slots;
};

class InFlight {
 public:
  explicit InFlight(const Segments& segments);

  /// The mean seconds per micro-batch of a good multiset: of those with at most two different
  /// strategies, which holds all uniform ones. nullopt: none fits.
  [[nodiscard]] std::optional<Seconds> quick(StageRange range, std::size_t in_flight, Bytes memory);

  /// The best multiset for the transients looked at, as far as states are small enough to be kept
  /// exactly; never worse than `quick`.
  [[nodiscard]] std::optional<InFlightPlan> best(StageRange range, std::size_t in_flight,
                                                 Bytes memory);

  /// The mean seconds per micro-batch that no multiset goes below; infinite: none fits.
  [[nodiscard]] Seconds least(StageRange range, std::size_t in_flight, Bytes memory) const;

  /// The numbers of transient bytes that are looked at.
  [[nodiscard]] const std::vector<std::int64_t>& transients() const { return transients_; }
  /// Saved and transient bytes together against seconds, for one micro-batch.
  [[nodiscard]] rotor::Staircase one(StageRange range, std::int64_t transient) const {
    return rest(range, transient).from(range.first);
  }
  /// The same from each block of the range on.
  [[nodiscard]] Rest rest(StageRange range, std::int64_t transient) const;

 private:
  struct Multiset {
    double seconds = 0;
    std::int64_t transient = 0;
    std::vector<std::int64_t> saved;  // by slot
  };
  /// What is left of `one` when neighbours are joined; kept for all ranges, it has to be small.
  [[nodiscard]] const rotor::Staircase& coarse(StageRange range, std::int64_t transient);
  /// Saved bytes of one slot against its seconds, thinned where it is large.
  [[nodiscard]] const rotor::Staircase& slot(StageRange range, std::int64_t transient);
  [[nodiscard]] std::optional<Multiset> of_two(StageRange range, std::size_t in_flight,
                                               Bytes memory);

  const Segments& segments_;
  std::vector<std::int64_t> transients_;
  std::map<std::pair<std::size_t, std::int64_t>, std::vector<rotor::Staircase>> coarse_;
  mutable std::map<std::size_t, Rest> boundless_;  // by last block: transients without a limit
  std::map<std::tuple<std::size_t, std::size_t, std::int64_t>, rotor::Staircase> slots_;
};

}  // namespace rockmate
