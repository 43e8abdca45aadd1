// The plans that a planner can make for a graph at any budget, found once: a budget only picks one.
// So more budget never gives a slower plan.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "rockmate/plan.h"
#include "rotor/rotor.h"
#include "schedule/runs.h"

namespace rockmate {

/// A plan in the rough, with what its planner says of it.
struct Draft {
  Bytes peak;                  ///< at least what the judge will find
  Seconds seconds;             ///< at least what its runs take with default implementations
  std::function<Runs()> runs;  ///< made when asked for: those of a whole curve would not fit
  /// What the judge finds where ops run in their default implementations, if it has been asked.
  std::optional<Bytes> judged = std::nullopt;
};

/// Sorts anything with a peak and seconds by rising peak, and drops what another beats in both.
template <class T>
void keep_unbeaten(std::vector<T>& all) {
  std::stable_sort(all.begin(), all.end(), [](const T& x, const T& y) {
    return x.peak != y.peak ? x.peak < y.peak : x.seconds < y.seconds;
  });
  std::vector<T> kept;
  for (T& each : all) {
    if (kept.empty() || each.seconds < kept.back().seconds) kept.push_back(std::move(each));
  }
  all = std::move(kept);
}

/// No plan of the planner's kind takes less within a budget; infinite if there is none.
using BoundWithin = std::function<Seconds(Bytes budget)>;

/// Runs for as few bytes as can be, and the bytes that they need.
struct Lean {
  Bytes needed;
  Runs runs;
};

/// What an integer program had to do with the drafts.
struct ShelfOrigin {
  std::optional<std::size_t> candidates = std::nullopt;
  std::string solver = {};
};

class Shelf {
 public:
  explicit Shelf(std::string planner) : planner_(std::move(planner)) {}

  void add(Draft draft) { drafts_.push_back(std::move(draft)); }
  /// Drafts that come with a bound: one of all plans of the kind that the others are of as well.
  void add_bound(BoundWithin bound) { bounds_.push_back(std::move(bound)); }
  /// Call it once, when all drafts are there.
  void close() { keep_unbeaten(drafts_); }

  void set_origin(ShelfOrigin origin) { origin_ = std::move(origin); }

  [[nodiscard]] const std::string& planner() const { return planner_; }
  [[nodiscard]] const std::vector<Draft>& drafts() const { return drafts_; }

  /// The fastest draft that keeps the budget when finished.
  [[nodiscard]] std::optional<Plan> best_within(const TrainingGraph& graph, Bytes budget,
                                                const PlanOptions& options) const;
  /// The one of the leanest drafts that needs the least budget; nullopt of an empty shelf.
  [[nodiscard]] std::optional<Lean> leanest(const TrainingGraph& graph,
                                            const PlanOptions& options) const;

 private:
  void state_epsilon(Plan& plan) const;

  std::string planner_;
  std::vector<Draft> drafts_;
  std::vector<BoundWithin> bounds_;
  ShelfOrigin origin_;
};

/// Program order alone.
[[nodiscard]] Shelf plain_shelf(const TrainingGraph& graph);
/// Chen's segments, for every number of segments.
[[nodiscard]] Shelf sqrt_shelf(const TrainingGraph& graph);
/// How much work the dynamic program may be.
enum class Effort : std::uint8_t {
  kQuick,  ///< well under a second
  kFull    ///< several seconds
};
/// Rotor on several chains.
[[nodiscard]] std::vector<rotor::Rotor> solved_chains(const TrainingGraph& graph, Effort effort,
                                                      const PlanOptions& options);
/// Their curves together.
[[nodiscard]] Shelf rotor_shelf(const TrainingGraph& graph, Effort effort,
                                const PlanOptions& options);
/// The curve of a chain whose blocks have many strategies together with Rotor's, and Rotor's alone,
/// with which no answer is worse than Rotor's: found, or read from the cache of the options.
/// `report` takes what is going on, in words.
[[nodiscard]] std::vector<Shelf> rockmate_shelves(
    const TrainingGraph& graph, const PlanOptions& options,
    const std::function<void(const std::string&)>& report);

}  // namespace rockmate
