#include "plan/search_team.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <thread>

namespace rockmate {
namespace {

using Clock = std::chrono::steady_clock;

// Rounds grow twofold, so that the first good plans come early; from the start and from the best
// plan in turns. With a limit of work, or without a plan, which takes many starts, all after these
// are as long as the last one. Where time is the only limit, they leap by some doublings after the
// heats and begin at the start again, as one long round is worth more than some short ones, and
// grow on up to kMostMovesPerOp, or until one more and half of the next would not fit: then one
// from the best plan takes all the time that is left. On tangled graphs, whose heats look for no
// places, a short round goes before the leap: a plan that is not good yet is better than none.
constexpr int kGrowingRounds = 6;
constexpr double kRoundsToFit = 3;
constexpr int kLeap = 2;
// After this round only so many lanes go on, those whose starts led furthest: moves are worth more
// in one lane than spread over many, and two cores have no more to do at a time. The heats end
// before where all other lanes are hopeless.
constexpr int kLastHeat = 2;
constexpr std::size_t kFinalists = 2;
// After fewer moves in a heat, per op, none is hopeless: a start that needs mending is not mended.
constexpr std::uint64_t kMovesPerOpToTell = 8;
constexpr std::uint64_t kEndless = std::uint64_t{1} << 62;
// Of a round that grows on, per op of the graph: small graphs gain more from further starts.
constexpr std::uint64_t kMostMovesPerOp = 3'000;
constexpr auto kProgressEvery = std::chrono::milliseconds(100);

bool meets(const std::optional<FoundPlan>& found, Seconds bound) {
  return found && found->plan.seconds.count() <= bound.count() * (1 + 1e-9);
}

}  // namespace

SearchTeam::SearchTeam(const TrainingGraph& graph, const PlanOptions& options, Bytes budget,
                       Bytes floor, std::vector<SearchStart> starts)
    : options_(options), ops_(graph.ops().size()) {
  for (SearchStart& start : starts) {
    const std::uint64_t seed = (options.seed << 8) + lanes_.size();
    lanes_.emplace_back(graph, options, budget, floor, std::move(start), seed);
  }
}

std::optional<FoundPlan> SearchTeam::run(const TeamOptions& team) {
  std::uint64_t left = lanes_.empty() ? 0 : team.moves;  // of all lanes
  const std::uint64_t first = left / ((std::uint64_t{1} << kGrowingRounds) - 1);
  const bool fills_time = team.uses_all_time && team.deadline;
  auto began = Clock::now();
  Clock::duration took{};  // the round before
  const bool has_heats = lanes_.size() > kFinalists;
  int last_heat = kLastHeat, leap = kLastHeat;  // rounds
  bool is_tangled = false;
  int doublings = 0;
  for (int k = 0; left > 0 || fills_time; ++k) {
    if (options_.stop.stop_requested() || meets(best_, team.lower_bound)) break;
    if (team.deadline && began >= *team.deadline) break;
    Lane::Round round;
    std::uint64_t moves = std::max<std::uint64_t>(1, first) << doublings;
    if (!team.uses_all_time) moves = std::min(moves, left);
    left -= std::min(left, moves);
    const bool is_long = moves >= kMostMovesPerOp * ops_;
    const bool is_last = fills_time && best_ && !is_long && k > last_heat &&
                         *team.deadline - began < kRoundsToFit * took;
    round.moves = is_last ? kEndless : std::max<std::uint64_t>(1, moves / lanes_.size());
    const bool begins_anew = fills_time && k > last_heat;
    round.is_scout = k > last_heat && k <= leap;
    const bool is_turn = begins_anew ? round.is_scout || (k - leap) % 2 == 1 : k % 2 == 0;
    round.from_start = is_turn && !is_last;
    round.is_heat = has_heats && k <= last_heat;
    round.is_tangled = is_tangled;
    round.deadline = team.deadline;
    round.lower_bound = team.lower_bound;
    run_round(round, team);
    share_best();
    if (round.is_heat && round.moves >= kMovesPerOpToTell * ops_) {
      drop_hopeless();
      is_tangled = lanes_.size() == 1;
      if (is_tangled) {
        last_heat = k;
        leap = k + 1;
      }
    }
    if (k == last_heat) keep_finalists(fills_time ? finalists() : kFinalists);
    const bool may_grow_on = fills_time && best_ && !is_long;
    if (doublings + 1 < kGrowingRounds || may_grow_on) ++doublings;
    if (fills_time && k == leap) doublings = kLastHeat + 1 + kLeap;
    took = Clock::now() - began;
    began += took;
    if (team.progress) team.progress(best_);
  }
  return best_;
}

// A lane that meets the bound stops those behind it: of equally fast plans the first lane's is
// taken, so nothing that they could still find matters.
void SearchTeam::run_round(const Lane::Round& round, const TeamOptions& team) {
  std::vector<std::stop_source> stops(lanes_.size());
  const std::stop_callback stop_all(options_.stop, [&] {
    for (std::stop_source& stop : stops) stop.request_stop();
  });
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < lanes_.size(); i = next++) {
      Lane::Round mine = round;
      mine.stop = stops[i].get_token();
      lanes_[i].run(mine);
      if (!meets(lanes_[i].found(), team.lower_bound)) continue;
      for (std::size_t k = i + 1; k < lanes_.size(); ++k) stops[k].request_stop();
    }
  };
  std::vector<std::future<void>> workers;
  for (std::size_t t = 0; t < std::min(threads(), lanes_.size()); ++t) {
    workers.push_back(std::async(std::launch::async, work));
  }
  for (std::future<void>& worker : workers) {
    while (worker.wait_for(kProgressEvery) != std::future_status::ready) {
      if (team.progress) team.progress(best_);
    }
  }
  for (std::future<void>& worker : workers) worker.get();
}

std::size_t SearchTeam::threads() const {
  if (options_.threads > 0) return static_cast<std::size_t>(options_.threads);
  return std::max(1U, std::thread::hardware_concurrency());
}

void SearchTeam::share_best() {
  for (const Lane& lane : lanes_) {
    if (!lane.found()) continue;
    if (!best_ || lane.found()->plan.seconds < best_->plan.seconds) best_ = lane.found();
  }
  if (!best_) return;
  for (Lane& lane : lanes_) lane.adopt(*best_);
}

void SearchTeam::drop_hopeless() {
  const Lane leader = *std::min_element(
      lanes_.begin(), lanes_.end(), [](const Lane& a, const Lane& b) { return a.is_ahead_of(b); });
  std::erase_if(lanes_, [&](const Lane& lane) { return lane.is_hopeless_beside(leader); });
}

void SearchTeam::keep_finalists(std::size_t most) {
  if (lanes_.size() <= most) return;
  std::stable_sort(lanes_.begin(), lanes_.end(),
                   [](const Lane& a, const Lane& b) { return a.is_ahead_of(b); });
  lanes_.erase(lanes_.begin() + static_cast<std::ptrdiff_t>(most), lanes_.end());
}

// Where plans are easily found, no more than there are threads.
std::size_t SearchTeam::finalists() const {
  const auto fits = [](const Lane& lane) { return lane.start_fits(); };
  const bool is_easy = best_ || std::any_of(lanes_.begin(), lanes_.end(), fits);
  return is_easy ? std::min(kFinalists, threads()) : kFinalists;
}

Lean SearchTeam::closest() const {
  Lean closest = lanes_.front().closest();
  for (std::size_t i = 1; i < lanes_.size(); ++i) {
    Lean other = lanes_[i].closest();
    if (other.needed < closest.needed) closest = std::move(other);
  }
  return closest;
}

}  // namespace rockmate
