// The planners side by side on one graph. What does not depend on the budget is found once.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "bounds/memory_floor.h"
#include "bounds/moment_bound.h"
#include "bounds/pebble_game.h"
#include "plan/lane.h"
#include "plan/shelf.h"
#include "rockmate/plan.h"

namespace rockmate {

class Portfolio {
 public:
  /// Both must outlive it.
  Portfolio(const TrainingGraph& graph, const PlanOptions& options);

  /// The best plan within the budget, complete but for `planning_seconds`. Where time alone limits
  /// the search, it takes this share of what is left.
  [[nodiscard]] std::optional<Plan> best_within(Bytes budget, double time_share = 1);
  /// The best plan within the least budget for which one is found; nullopt if there is none at all
  /// (a planner that was stopped).
  [[nodiscard]] std::optional<Plan> leanest();
  /// Why there is no plan within the budget.
  [[nodiscard]] NoPlan explain_no_plan(Bytes budget);

  [[nodiscard]] Bytes plain_peak() const { return plain_peak_; }

 private:
  [[nodiscard]] bool searches() const { return options_.planner == Planner::kPortfolio; }
  [[nodiscard]] const std::vector<Shelf>& shelves();
  /// `best_within`, but for what is left to complete.
  [[nodiscard]] std::optional<Plan> draft_within(Bytes budget, double time_share);
  [[nodiscard]] std::optional<Plan> plain_within(Bytes budget) const;
  [[nodiscard]] std::optional<Plan> shelved_within(Bytes budget);
  /// Of a search: no longer than these moves take and this share of the time left, where that is
  /// limited; or just as long as the latter.
  struct Work {
    std::uint64_t moves;
    double time_share = 1;
    bool fills_time = false;
  };
  /// `known` is the plan that progress tells of until there is a better one.
  [[nodiscard]] std::optional<Plan> searched_within(
      Bytes budget, std::vector<SearchStart> starts, const Work& limits,
      const std::optional<Plan>& known = std::nullopt);
  [[nodiscard]] std::vector<SearchStart> starts(Bytes budget);
  [[nodiscard]] std::vector<SearchStart> lean_starts(Bytes budget);
  [[nodiscard]] Runs reordered(Bytes budget) const;
  [[nodiscard]] std::optional<Seconds> time_left() const;
  /// That searches for one plan may make, and for one step to the least budget.
  [[nodiscard]] std::uint64_t all_moves() const;
  [[nodiscard]] std::uint64_t lean_moves() const;
  void find_bound(Bytes budget, const std::optional<Plan>& best);
  void raise_floor_above(Bytes budget);
  void play_out(Bytes budget, const std::optional<Plan>& best);
  [[nodiscard]] PebbleBound play(Bytes budget, PebbleOptions options) const;
  void raise_floor_to_leanest();
  [[nodiscard]] std::optional<Plan> checkmate_plan(Bytes budget, const std::optional<Plan>& best);
  void look_for_leanest_on_shelves();
  /// From the leanest plan, where its layout is not tight: by steps of so many moves.
  void descend(std::uint64_t moves);
  void keep_leaner(Lean lean);
  [[nodiscard]] bool has_time_to_draft() const;
  [[nodiscard]] std::optional<Plan> finish_leanest(const Lean& lean) const;
  void keep_better(std::optional<Plan>& best, std::optional<Plan> other, const char* stage);
  void report(const char* stage, const std::optional<Plan>& best) const;
  [[nodiscard]] bool is_optimal(const Plan& plan) const;
  /// What is left to do for a plan that is handed out.
  void complete(Plan& plan) const;

  const TrainingGraph& graph_;
  const PlanOptions& options_;
  std::chrono::steady_clock::time_point started_;
  Bytes plain_peak_;
  MemoryFloor floor_;
  std::unique_ptr<MilpSolver> solver_;
  MomentBounds bounds_;
  MomentBound bound_;               // at the budget that was last planned for
  Effort effort_ = Effort::kQuick;  // of the dynamic program, for a search to start from
  std::optional<std::vector<Shelf>> shelves_;
  std::optional<Lean> leanest_;    // of all runs that anyone came upon
  std::optional<Plan> lean_plan_;  // of all that searches have laid out
};

}  // namespace rockmate
