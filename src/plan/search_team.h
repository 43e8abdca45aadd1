// Several searches within one budget side by side, on as many threads as there are; the answer does
// not depend on their number.
//
//   round 0, 1, 2, ...   every lane runs the round, with a fixed share of the moves   (threads)
//   between rounds       the best plan is passed on, in the order of the lanes        (one thread)
//   after the first few  only the most promising lanes go on
#pragma once

#include <functional>
#include <vector>

#include "plan/lane.h"

namespace rockmate {

struct TeamOptions {
  std::uint64_t moves = 0;     ///< of all lanes; without end where there is a deadline only
  bool uses_all_time = false;  ///< go on after `moves` until the deadline
  std::optional<std::chrono::steady_clock::time_point> deadline = std::nullopt;
  Seconds lower_bound = Seconds(0);  ///< a plan that meets it ends the search
  /// Called from the caller's thread, some times a second, with the best plan so far.
  std::function<void(const std::optional<FoundPlan>&)> progress = nullptr;
};

class SearchTeam {
 public:
  /// One lane per start. Graph and options must outlive it.
  SearchTeam(const TrainingGraph& graph, const PlanOptions& options, Bytes budget, Bytes floor,
             std::vector<SearchStart> starts);

  /// The best plan that any lane has found.
  [[nodiscard]] std::optional<FoundPlan> run(const TeamOptions& team);
  /// What any lane came closest to the budget with, where there is no plan.
  [[nodiscard]] Lean closest() const;

 private:
  void run_round(const Lane::Round& round, const TeamOptions& team);
  void share_best();
  void drop_hopeless();
  void keep_finalists(std::size_t most);
  [[nodiscard]] std::size_t finalists() const;
  [[nodiscard]] std::size_t threads() const;

  const PlanOptions& options_;
  std::size_t ops_;
  std::vector<Lane> lanes_;
  std::optional<FoundPlan> best_;
};

}  // namespace rockmate
