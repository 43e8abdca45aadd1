// A round searches by live bytes, which is fast, and lays the result out. Where the layout does not
// fit, live bytes alone do not tell the truth about this graph: the search goes on from there with
// addresses, which is slower, and from then on rounds from the start aim below the budget by half
// of what was missing, and those from the best plan search with addresses only.

#include "plan/lane.h"

#include <algorithm>

namespace rockmate {
namespace {

// A move with addresses takes about as long as that many without.
constexpr std::uint64_t kMoveWithPlaces = 5;
// Of the time that is left, what a search by live bytes may take if addresses may come after it.
constexpr double kLiveTime = 0.5;
// And what any search may take if only a layout comes after it.
constexpr double kSearchTime = 0.95;
// Steps of the packer where a layout does not fit: by moves, about as long as these take, and
// within a tenth of a second and one or two.
constexpr std::uint64_t kLayoutWorkPerMove = 2000;
constexpr std::uint64_t kLayoutWork = 30'000'000, kMostLayoutWork = 300'000'000;
// Of rounds from the best plan known, at most.
constexpr double kWarm = 1e-3;
// Where a search with addresses ends.
constexpr double kColdWithPlaces = 1e-5;

}  // namespace

void Lane::run(const Round& round) {
  if (is_fragmented_ && !round.from_start && found_) {
    search_places(round, Runs(found_->runs));
  } else {
    search_live(round);
  }
}

SearchOptions Lane::options_for(const Round& round, double time_share) {
  SearchOptions search;
  // Far apart for neighbouring seeds, lanes and searches.
  search.seed = seed_ * 0x9E3779B97F4A7C15ULL + searches_++;
  search.work_limit = round.moves;
  search.cycles = 1;
  search.lower_bound = round.lower_bound;
  search.stop = round.stop;
  search.start_temperature =
      round.from_start ? start_.temperature : std::min(kWarm, start_.temperature);
  if (round.deadline) {
    const std::chrono::duration<double> left = *round.deadline - std::chrono::steady_clock::now();
    search.time_limit = Seconds(std::max(1e-3, left.count() * time_share));
  }
  return search;
}

bool Lane::Trial::is_better_than(const Trial& other) const {
  if (feasible != other.feasible) return feasible;
  return feasible ? seconds < other.seconds : peak < other.peak;
}

bool Lane::is_ahead_of(const Lane& other) const {
  return trial_ && (!other.trial_ || trial_->is_better_than(*other.trial_));
}

void Lane::search_live(const Round& round) {
  const bool is_sure = !options_->layout || (found_ && !is_fragmented_);
  const Runs from = round.from_start || !live_ ? start_.runs : live_->runs;
  SearchResult result =
      improve(*graph_, inner_, from, options_for(round, is_sure ? kSearchTime : kLiveTime));
  if (result.runs.empty() && !from.empty()) return;  // stopped before it began
  const Trial trial(result);
  if (round.from_start) trial_ = trial;
  const bool is_better = !live_ || trial.is_better_than(Trial(*live_));
  if (is_better) live_ = result;
  Round rest = round;
  rest.from_start = false;
  if (result.feasible && (is_better || is_fragmented_)) {
    const std::uint64_t counted = std::min(round.moves, kMostLayoutWork / kLayoutWorkPerMove);
    const Bytes needed = keep(result, std::max(kLayoutWork, counted * kLayoutWorkPerMove));
    if (needed <= budget_) return;
    is_fragmented_ = true;
    inner_ = std::max(floor_, std::min(inner_, budget_ - Bytes((needed - budget_).count() / 2)));
    live_.reset();  // it aimed at another budget
    search_places(rest, result.runs);
  } else if (is_fragmented_ && result.peak <= budget_) {
    search_places(rest, result.runs);
  }
}

void Lane::search_places(const Round& round, const Runs& from) {
  if (round.stop.stop_requested()) return;
  SearchOptions search = options_for(round, kSearchTime);
  search.work_limit = std::max<std::uint64_t>(1, round.moves / kMoveWithPlaces);
  search.layout = true;
  search.end_temperature = kColdWithPlaces;
  const SearchResult result = improve(*graph_, budget_, from, search);
  if (result.feasible) keep(result, kLayoutWork);
}

// Lays out what would be the best plan; the bytes that it needs.
Bytes Lane::keep(const SearchResult& result, std::uint64_t layout_work) {
  if (found_ && result.seconds >= found_->plan.seconds) return budget_;
  Outcome outcome = try_runs(*graph_, result.runs, TakeOver::kWhereEqual, budget_, *options_,
                             {.places = result.places, .work = layout_work});
  if (outcome.plan && (!found_ || outcome.plan->seconds < found_->plan.seconds)) {
    outcome.plan->planner = "search";
    found_ = FoundPlan{*std::move(outcome.plan), result.runs};
  } else if (!closest_ || outcome.needed < closest_->needed) {
    closest_ = Lean{outcome.needed, result.runs};
  }
  return outcome.needed;
}

Lean Lane::closest() const {
  if (closest_) return *closest_;
  const Runs& runs = live_ ? live_->runs : start_.runs;
  return {needed_by(*graph_, runs, TakeOver::kWhereEqual, *options_, kLayoutWork), runs};
}

void Lane::adopt(const FoundPlan& other) {
  if (found_ && found_->plan.seconds <= other.plan.seconds) return;
  found_ = other;
  if (is_fragmented_) return;
  const Bytes peak = other.plan.peak;
  live_ = SearchResult{other.runs, peak, other.plan.seconds, true};
}

}  // namespace rockmate
