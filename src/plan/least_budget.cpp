// The least budget for which there is a plan: a bisection between the floor and what is known to be
// enough, then steps down from the leanest plan, with the layouts that searches give them.

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "plan/finish.h"
#include "plan/portfolio.h"

namespace rockmate {
namespace {

// Steps of the bisection for the least budget, and the part of all moves that each may take.
constexpr int kLeanSteps = 6;
constexpr std::uint64_t kLeanPart = 4;
// Then steps down from the leanest plan while its arena is this much above its live bytes; each
// takes away a part of that.
constexpr int kDescents = 6;
constexpr double kTight = 0.005, kDescentPart = 0.5;
// Other planners take a few seconds on large graphs, whatever is left: with less than this part of
// the time, a plan that is known must do.
constexpr double kDraftPart = 0.1;

}  // namespace

std::uint64_t Portfolio::lean_moves() const { return all_moves() / kLeanPart; }

// Another order, if any, and the last shelf's, or program order. Of resnet50 the former alone leads
// to 6 % more bytes, of gpt2_small the latter to 1 %.
std::vector<SearchStart> Portfolio::lean_starts(Bytes budget) {
  std::vector<SearchStart> all = starts(budget);
  const std::size_t most = std::min<std::size_t>(2, all.size());
  return {all.end() - static_cast<std::ptrdiff_t>(most), all.end()};
}

// Perhaps nothing less than the leanest plan will do.
void Portfolio::raise_floor_to_leanest() {
  if (!searches() || !leanest_ || leanest_->needed <= floor_.bytes) return;
  if (!play(leanest_->needed - Bytes(1), {}).is_feasible) floor_.bytes = leanest_->needed;
}

void Portfolio::keep_leaner(Lean lean) {
  if (!leanest_ || lean.needed < leanest_->needed) leanest_ = std::move(lean);
}

void Portfolio::look_for_leanest_on_shelves() {
  for (const Shelf& shelf : shelves()) {
    if (auto lean = shelf.leanest(graph_, options_)) keep_leaner(*std::move(lean));
  }
}

std::optional<Plan> Portfolio::leanest() {
  // The lowest budgets are where the recursion is at its best: let it have the finest chain.
  effort_ = Effort::kFull;
  look_for_leanest_on_shelves();
  if (!leanest_) return std::nullopt;
  raise_floor_to_leanest();
  if (searches()) {
    // Bisection between the floor and what is known to be enough.
    Bytes low = floor_.bytes;
    const std::uint64_t moves = lean_moves();
    for (int step = 0; step < kLeanSteps && low < leanest_->needed; ++step) {
      if (options_.stop.stop_requested()) break;
      const Bytes middle = low + Bytes((leanest_->needed - low).count() / 2);
      const double share = 1.0 / (kLeanSteps + 2 - step);
      if (!searched_within(middle, lean_starts(middle), {moves, share})) low = middle + Bytes(1);
    }
    descend(moves);
    raise_floor_to_leanest();
  }
  const Lean lean = *leanest_;
  std::optional<Plan> best;
  if (!lean_plan_ || has_time_to_draft()) best = draft_within(lean.needed, 1);
  keep_better(best, finish_leanest(lean), "leanest");
  if (!best && lean_plan_) {
    best = lean_plan_;
    best->budget = best->needed();
  }
  if (best) complete(*best);
  return best;
}

bool Portfolio::has_time_to_draft() const {
  const auto left = time_left();
  return !left || left->count() > kDraftPart * options_.time_limit->count();
}

// A search's own layout where it is as small: to pack its runs anew may take more.
std::optional<Plan> Portfolio::finish_leanest(const Lean& lean) const {
  std::optional<Plan> plan = lean_plan_;
  if (!plan || plan->needed() > lean.needed) {
    plan = finish(graph_, lean.runs, TakeOver::kWhereEqual, lean.needed, options_);
    if (plan) plan->planner = searches() ? "search" : std::string(to_string(options_.planner));
  }
  if (plan) plan->budget = plan->needed();
  return plan;
}

// Where the bisection ends, live bytes are hardly ever what is in the way: a plan that fits needs a
// better layout, and changes for it, not another plan.
void Portfolio::descend(std::uint64_t moves) {
  double part = kDescentPart;
  for (int step = 0; step < kDescents && !options_.stop.stop_requested(); ++step) {
    const Lean lean = *leanest_;
    const auto trace =
        simulate(graph_, schedule_from_runs(graph_, lean.runs, TakeOver::kWhereEqual));
    ROCKMATE_CHECK(trace.has_value(), trace.has_value() ? "" : trace.error().message);
    const auto above = static_cast<double>((lean.needed - trace->peak).count());
    if (above <= kTight * static_cast<double>(trace->peak.count())) return;
    const Bytes target = lean.needed - Bytes(static_cast<std::int64_t>(std::ceil(part * above)));
    if (target < floor_.bytes) return;
    const double share = 1.0 / (kDescents + 1 - step);
    const auto found =
        searched_within(target, {SearchStart::nearly_good(lean.runs)}, {moves, share});
    if (!found) part /= 2;
  }
}

}  // namespace rockmate
