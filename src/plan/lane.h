// One of several searches within one budget. It begins at a plan of its own and goes on in rounds;
// a round depends on nothing but its arguments and the rounds before, so that lanes can run on any
// number of threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <utility>

#include "plan/finish.h"
#include "plan/shelf.h"
#include "rockmate/plan.h"
#include "search/search.h"

namespace rockmate {

/// Where a search begins, how hot, in units of the plain iteration's seconds, and how dear it is
/// there to be above the budget (SearchOptions::first_price).
struct SearchStart {
  static constexpr double kHot = 1e-2;   ///< leaves little of the start
  static constexpr double kCold = 3e-4;  ///< mends it: for a start that is nearly a good plan
  static constexpr double kColdPrice = 10;
  /// Moves per op that put a start into order.
  static constexpr std::uint64_t kReorderMovesPerOp = 60;

  [[nodiscard]] static SearchStart nearly_good(Runs runs) {
    return {std::move(runs), kCold, kColdPrice};
  }

  Runs runs;
  double temperature = kHot;
  double price = 2;
};

/// A plan that the judge has accepted, layout included, the runs that it is made from, and where
/// the search had found places for it, if it did.
struct FoundPlan {
  Plan plan;
  Runs runs;
  std::vector<PlaceOfRun> places;
};

class Lane {
 public:
  /// Graph and options must outlive it.
  Lane(const TrainingGraph& graph, const PlanOptions& options, Bytes budget, Bytes floor,
       SearchStart start, std::uint64_t seed);

  struct Round {
    std::uint64_t moves = 0;
    bool from_start = true;  ///< otherwise from the best plan known
    bool is_heat = false;    ///< only what it tells of the start matters: no search for places
    bool is_tangled =
        false;              ///< no other start is any good, and layouts fail: places are the matter
    bool is_scout = false;  ///< a plan at all, and soon
    std::optional<std::chrono::steady_clock::time_point> deadline = std::nullopt;
    Seconds lower_bound = Seconds(0);
    std::stop_token stop = {};
  };
  void run(const Round& round);

  /// The best so far.
  [[nodiscard]] const std::optional<FoundPlan>& found() const { return found_; }
  /// Whether its start led to a better plan, in the last round that began there.
  [[nodiscard]] bool is_ahead_of(const Lane& other) const;
  /// Whether orders matter so much that its start can be given up: where layouts fail, and another
  /// start has led to far better plans by live bytes.
  [[nodiscard]] bool is_hopeless_beside(const Lane& leader) const;
  /// Whether the last round from its start led to a plan within the budget by live bytes.
  [[nodiscard]] bool start_fits() const { return trial_ && trial_->feasible; }
  /// Goes on from another lane's plan where that is better.
  void adopt(const FoundPlan& other);
  /// What came closest to the budget, where there is no plan; takes a layout to say.
  [[nodiscard]] Lean closest() const;

 private:
  // What a search by live bytes came to.
  struct Trial {
    bool feasible;
    Bytes peak;
    Seconds seconds;
    explicit Trial(const SearchResult& r)
        : feasible(r.feasible), peak(r.peak), seconds(r.seconds) {}
    [[nodiscard]] bool is_better_than(const Trial& other) const;
  };
  [[nodiscard]] bool lacks_places_only() const;
  [[nodiscard]] SearchResult search_live(Round round, const Runs& from, double time_share);
  [[nodiscard]] const Runs& start_of(const Round& round) const;
  bool learn_from(const SearchResult& result, const Round& round);
  void aim_for(Bytes lacking, double aim);
  void search_places(const Round& round, const Runs& from,
                     const std::vector<PlaceOfRun>& places = {});
  [[nodiscard]] SearchOptions options_for(const Round& round, double time_share);
  [[nodiscard]] Seconds most_seconds() const;
  std::optional<Bytes> keep(const SearchResult& result, std::uint64_t layout_work);

  const TrainingGraph* graph_;
  const PlanOptions* options_;
  Bytes budget_;
  Bytes floor_;
  Bytes inner_;    // for live bytes: less than the budget where layouts need more
  Bytes lacking_;  // what the last layout was above its live bytes, where that is too much
  SearchStart start_;
  double hottest_;
  std::uint64_t seed_;
  std::uint64_t searches_ = 0;
  bool is_fragmented_ = false;        // a plan within the budget had no layout within it
  bool is_stuck_ = false;             // above the budget, and so stays what is made from the best
  double aim_ = 0.55;                 // the part of what a layout lacks that inner_ leaves for it
  std::optional<Lean> closest_;       // of those that had none
  std::optional<SearchResult> live_;  // the best by live bytes
  std::optional<Trial> trial_;        // of the last round from the start
  std::optional<FoundPlan> found_;
};

}  // namespace rockmate
