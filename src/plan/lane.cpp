// A round searches by live bytes, which is fast, and lays the result out. Where the layout does not
// fit, live bytes alone do not tell the truth about this graph. From then on searches by live bytes
// aim at an inner budget, below the budget by a part of what the last layout was above its live
// bytes, and the best of their plans goes on with addresses, which is slower: under the budget, and
// so cold that it is mended, not made anew. The part grows while no place is found for all. On
// tangled graphs most of the time goes there, and once places are found, rounds from the best plan
// go on with them.

#include "plan/lane.h"

#include <algorithm>
#include <limits>

namespace rockmate {
namespace {

// A search with addresses makes one move for that many without them before it, and so takes about
// their time; twice their time where the graph is tangled. A move with addresses looks at all
// items: on large graphs one for this part of the ops, at least.
constexpr std::uint64_t kMoveWithPlaces = 10, kMoveWithPlacesTangled = 4;
constexpr std::uint64_t kOpsPerMoveWithPlaces = 2000;
// Of the time that is left, what a search by live bytes may take if addresses may come after it.
constexpr double kLiveTime = 0.5;
// And what any search may take if only a layout comes after it.
constexpr double kSearchTime = 0.95;
// Steps of the packer where a layout does not fit: by moves, no longer than these take, and
// between a tenth and a third of a second.
constexpr std::uint64_t kLayoutWorkPerMove = 300;
constexpr std::uint64_t kLayoutWork = 30'000'000, kMostLayoutWork = 100'000'000;
// Of rounds from the best plan known, at most; of those under an inner budget; and of a search with
// addresses, to its end.
constexpr double kWarm = 1e-3;
constexpr double kWarmInside = 5e-4;
constexpr double kMending = 3e-4, kColdWithPlaces = 1e-5;
constexpr int kCyclesWithPlaces = 4;
// What it costs there to be above the budget (SearchOptions::first_price).
constexpr double kWarmPrice = 0.3, kWarmPriceInside = 40;
// Where a start leads to no plan, the next search from there is so much hotter, up to the seconds
// of as many mean ops: where each op weighs much, kHot is not hot. And what is above the budget is
// as good as forbidden from the beginning: where plans are few, a cheap one that nearly fits may be
// far from all that do.
constexpr double kHotter = 4, kHottestInOps = 10, kHardPrice = 30;
// A round from the best plan makes headway if it takes away this part of what is above the budget.
constexpr double kHeadway = 0.5;
// Plans that are full for long are hard to lay out.
constexpr double kPriceOfCrowding = 3e-3;
// A search that may add as much recomputation as it likes loses itself in plans of many runs, which
// fit and are slow: on the way it adds at most so many times what the best plan does, and the
// seconds of so many mean ops.
constexpr double kDetour = 1.5, kDetourInOps = 3;
// What one long search from a start ends at is a lottery. A chain of searches of so many moves per
// op, each from the best plan so far and warm enough to leave its valley, ends lower.
constexpr std::uint64_t kLinkMovesPerOp = 200, kMostLinks = 10;
constexpr double kRelink = 2e-3;
// Where the graph is tangled, so many of them begin at orders of their own: one in ten orders is
// one that no search leaves (500 random layered ops at 60 %: 25 % where others end at 20 %).
constexpr std::uint64_t kOrders = 3;
// So many times the recomputation of another start's plan is far behind it.
constexpr double kFarBehind = 1.3;
// Layouts take much room where the inner budget leaves this part of the budget for them.
constexpr double kLoose = 0.01;
// How much more of what layouts lack the inner budget leaves after a failure.
constexpr double kAimLower = 0.1;

}  // namespace

Lane::Lane(const TrainingGraph& graph, const PlanOptions& options, Bytes budget, Bytes floor,
           SearchStart start, std::uint64_t seed)
    : graph_(&graph),
      options_(&options),
      budget_(budget),
      floor_(floor),
      inner_(budget),
      start_(std::move(start)),
      hottest_(
          std::max(start_.temperature, kHottestInOps / static_cast<double>(graph.ops().size()))),
      seed_(seed) {}

SearchOptions Lane::options_for(const Round& round, double time_share) {
  SearchOptions search;
  // Far apart for neighbouring seeds, lanes and searches.
  search.seed = seed_ * 0x9E3779B97F4A7C15ULL + searches_++;
  search.work_limit = round.moves;
  search.cycles = 1;
  search.lower_bound = round.lower_bound;
  search.stop = round.stop;
  if (is_fragmented_) search.price_of_crowding = kPriceOfCrowding;
  search.most_seconds = most_seconds();
  search.start_temperature =
      round.from_start ? start_.temperature
                       : std::min(is_fragmented_ ? kWarmInside : kWarm, start_.temperature);
  const double warm_price = is_fragmented_ ? kWarmPriceInside : kWarmPrice;
  search.first_price = round.from_start ? start_.price : warm_price;
  if (round.deadline) {
    const std::chrono::duration<double> left = *round.deadline - std::chrono::steady_clock::now();
    search.time_limit = Seconds(std::max(1e-3, left.count() * time_share));
  }
  return search;
}

Seconds Lane::most_seconds() const {
  if (!found_) return Seconds(std::numeric_limits<double>::infinity());
  const double plain = graph_->plain_seconds().count();
  const double extra = std::max(0.0, found_->plan.seconds.count() - plain);
  const double op = plain / static_cast<double>(graph_->ops().size());
  return Seconds(plain + kDetour * extra + kDetourInOps * op);
}

bool Lane::Trial::is_better_than(const Trial& other) const {
  if (feasible != other.feasible) return feasible;
  return feasible ? seconds < other.seconds : peak < other.peak;
}

bool Lane::is_ahead_of(const Lane& other) const {
  return trial_ && (!other.trial_ || trial_->is_better_than(*other.trial_));
}

bool Lane::is_hopeless_beside(const Lane& leader) const {
  const Bytes spared = leader.budget_ - leader.inner_;
  const auto count = [](Bytes bytes) { return static_cast<double>(bytes.count()); };
  const bool is_loose = count(spared) > kLoose * count(leader.budget_);
  if (!is_loose || !leader.start_fits()) return false;
  if (!start_fits()) return true;
  const auto extra = [&](const Lane& lane) {
    return lane.trial_->seconds - graph_->plain_seconds();
  };
  return extra(*this).count() > kFarBehind * extra(leader).count();
}

// The better of the plans known by live bytes and with a layout; of the latter, which fill the
// whole budget, only one that takes less time than what keeps the inner one.
const Runs& Lane::start_of(const Round& round) const {
  if (round.from_start) return start_.runs;
  if (is_fragmented_ && found_ && found_->plan.seconds < live_->seconds) return found_->runs;
  return live_->runs;
}

void Lane::run(const Round& wanted) {
  Round round = wanted;
  round.from_start |= is_stuck_;
  if (!live_) round.from_start = true;
  const bool looks_for_places = lacks_places_only() && !round.from_start && !round.is_heat;
  if (looks_for_places) return search_places(round, live_->runs);
  if (round.is_tangled && is_fragmented_ && found_ && !round.from_start) {
    return search_places(round, found_->runs, found_->places);
  }
  if (round.is_scout) aim_for(lacking_, 1);
  const bool is_sure = !options_->layout || (found_ && !is_fragmented_);
  const Runs from = start_of(round);
  const SearchResult result = search_live(round, from, is_sure ? kSearchTime : kLiveTime);
  if (result.runs.empty() && !from.empty()) return;  // stopped before it began
  const bool is_best = learn_from(result, round);
  if (round.is_scout) aim_for(lacking_, aim_);
  if (round.is_heat && is_fragmented_) return;
  if (result.feasible && (is_best || is_fragmented_)) {
    const std::uint64_t counted = std::min(round.moves, kMostLayoutWork / kLayoutWorkPerMove);
    const auto needed = keep(result, std::max(kLayoutWork, counted * kLayoutWorkPerMove));
    is_fragmented_ |= needed && *needed > budget_;
    if (needed && is_fragmented_) aim_for(*needed - result.peak, aim_);
  }
  const bool may_be_better = !found_ || !round.from_start || result.seconds < found_->plan.seconds;
  if (round.is_heat) return;
  if (is_fragmented_ && result.peak <= budget_ && may_be_better) search_places(round, result.runs);
}

// From a start, a chain of them; links begin there again until a plan fits.
SearchResult Lane::search_live(Round round, const Runs& from, double time_share) {
  const std::uint64_t ops = std::max<std::uint64_t>(1, graph_->ops().size());
  const bool is_chain = round.from_start && !round.is_heat;
  const std::uint64_t most_links = is_chain ? kMostLinks : 1;
  const std::uint64_t links =
      std::clamp<std::uint64_t>(round.moves / (kLinkMovesPerOp * ops), 1, most_links);
  const std::uint64_t orders = round.is_tangled ? kOrders : 1;
  round.moves = std::max<std::uint64_t>(1, round.moves / links);
  SearchResult best;
  for (std::uint64_t k = 0; k == 0 || (k < links && !round.stop.stop_requested()); ++k) {
    SearchOptions search = options_for(round, time_share / static_cast<double>(links));
    const bool goes_on = k >= orders && best.feasible;
    if (goes_on) search.start_temperature = std::min(kRelink, search.start_temperature);
    Runs start = goes_on ? best.runs : from;
    if (k > 0 && k < orders) {
      start = reorder(*graph_, inner_, start,
                      {.seed = search.seed,
                       .work_limit = SearchStart::kReorderMovesPerOp * ops,
                       .time_limit = search.time_limit,
                       .stop = round.stop});
    }
    SearchResult next = improve(*graph_, inner_, start, search);
    if (k == 0 || Trial(next).is_better_than(Trial(best))) best = std::move(next);
  }
  return best;
}

// A plan within the inner budget whose items have found no places yet: other plans would do no
// better.
bool Lane::lacks_places_only() const {
  return is_fragmented_ && !found_ && live_ && live_->feasible && live_->peak <= inner_;
}

// What the search by live bytes says of where to go on, and whether it is the best of them.
bool Lane::learn_from(const SearchResult& result, const Round& round) {
  const Trial trial(result);
  if (round.from_start) {
    trial_ = trial;
    trial_->feasible = result.peak <= budget_;  // beside lanes with other inner budgets
    if (!result.feasible && !round.is_scout) {
      start_.temperature = std::min(hottest_, start_.temperature * kHotter);
      start_.price = std::max(start_.price, kHardPrice);
    }
  } else {
    const auto above = [&](const SearchResult& r) {
      return static_cast<double>((r.peak - inner_).count());
    };
    is_stuck_ = !result.feasible && above(result) > (1 - kHeadway) * above(*live_);
  }
  const bool is_best = !live_ || trial.is_better_than(Trial(*live_));
  if (is_best && round.from_start) is_stuck_ = false;
  if (is_best || (is_fragmented_ && !round.from_start)) live_ = result;
  return is_best;
}

// Layouts lack so much; from one plan to the next that changes, up and down.
void Lane::aim_for(Bytes lacking, double aim) {
  lacking_ = lacking;
  const double part = aim * static_cast<double>(lacking.count());
  inner_ = std::max(floor_, budget_ - Bytes(static_cast<std::int64_t>(part)));
}

void Lane::search_places(const Round& round, const Runs& from,
                         const std::vector<PlaceOfRun>& places) {
  if (round.stop.stop_requested()) return;
  SearchOptions search = options_for(round, kSearchTime);
  const std::uint64_t per_move =
      std::max(round.is_tangled ? kMoveWithPlacesTangled : kMoveWithPlaces,
               graph_->ops().size() / kOpsPerMoveWithPlaces);
  search.work_limit = std::max<std::uint64_t>(1, round.moves / per_move);
  search.layout = true;
  search.places = places;
  search.price_of_crowding = 0;
  search.cycles = kCyclesWithPlaces;
  search.start_temperature = kMending;
  search.reheat_temperature = kWarm;
  search.end_temperature = kColdWithPlaces;
  const SearchResult result = improve(*graph_, budget_, from, search);
  if (result.feasible) {
    keep(result, kLayoutWork);
  } else if (!round.is_scout) {
    aim_ = std::min(1.0, aim_ + kAimLower);
  }
}

// Lays out what would be the best plan, and only that; the bytes that it needs.
std::optional<Bytes> Lane::keep(const SearchResult& result, std::uint64_t layout_work) {
  if (found_ && result.seconds >= found_->plan.seconds) return std::nullopt;
  Outcome outcome = try_runs(*graph_, result.runs, TakeOver::kWhereEqual, budget_, *options_,
                             {.places = result.places, .work = layout_work});
  if (outcome.plan && (!found_ || outcome.plan->seconds < found_->plan.seconds)) {
    outcome.plan->planner = "search";
    found_ = FoundPlan{*std::move(outcome.plan), result.runs, result.places};
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
