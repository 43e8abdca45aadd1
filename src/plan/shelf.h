// The plans that a planner can make for a graph at any budget, found once: a budget only picks one.
// So more budget never gives a slower plan.
#pragma once

#include <string>
#include <vector>

#include "rockmate/plan.h"
#include "schedule/runs.h"

namespace rockmate {

/// A plan in the rough, with what its planner says of it.
struct Draft {
  Bytes peak;       ///< at least what the judge will find
  Seconds seconds;  ///< of its runs with default implementations
  Runs runs;
};

class Shelf {
 public:
  explicit Shelf(std::string planner) : planner_(std::move(planner)) {}

  void add(Draft draft) { drafts_.push_back(std::move(draft)); }
  /// Sorts by rising peak and drops what another draft beats in both figures. Call it once.
  void close();

  [[nodiscard]] const std::string& planner() const { return planner_; }
  [[nodiscard]] const std::vector<Draft>& drafts() const { return drafts_; }

  /// The fastest draft that keeps the budget when finished.
  [[nodiscard]] std::optional<Plan> best_within(const TrainingGraph& graph, Bytes budget,
                                                const PlanOptions& options) const;
  /// The least budget that one of the leanest drafts needs; nullopt of an empty shelf.
  [[nodiscard]] std::optional<Bytes> smallest(const TrainingGraph& graph,
                                              const PlanOptions& options) const;

 private:
  std::string planner_;
  std::vector<Draft> drafts_;
};

/// Program order alone.
[[nodiscard]] Shelf plain_shelf(const TrainingGraph& graph);
/// Chen's segments, for every number of segments.
[[nodiscard]] Shelf sqrt_shelf(const TrainingGraph& graph);
/// Rotor's curve, on the finest chain and on one of larger blocks, as far as each can be solved.
[[nodiscard]] Shelf rotor_shelf(const TrainingGraph& graph, const PlanOptions& options);

}  // namespace rockmate
