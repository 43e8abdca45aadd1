// The order of things: the plain iteration if it fits, at once; refuse what lies below the floor;
// what the dynamic program has on its shelf; searches from program order and from the shelf's best,
// side by side.

#include "plan/portfolio.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "checkmate/checkmate.h"
#include "plan/finish.h"
#include "plan/search_team.h"
#include "schedule/implementations.h"

namespace rockmate {
namespace {

// Moves of all searches for one plan, unless the caller sets a limit.
constexpr std::uint64_t kDefaultMoves = 2'000'000;
// The part of all moves that are made before the pebble game.
constexpr std::uint64_t kScoutPart = 16;
// The part of all moves or of the time left that putting a start into order may take at most.
constexpr std::uint64_t kReorderPart = 16;
// The part of the time left that the lower bound may take.
constexpr double kBoundPart = 0.2;
// A plan that no search will better is worth integer programs where it may be proven the best:
// where prices alone bound it within this share. They take seconds on large graphs, the rest
// milliseconds.
constexpr double kProvable = 0.001;
// How often Checkmate's budget gives way to a layout that does not fit.
constexpr int kInnerBudgets = 4;
// Steps of the packer for the plan that is handed out: some seconds, but no more than the search
// may take by its limits, which leaves a part of the time for that.
constexpr std::uint64_t kTightenWork = 2'000'000'000;
constexpr std::uint64_t kTightenWorkPerMove = 5000;
constexpr double kTightenWorkPerSecond = 2e8;
constexpr double kTightenPart = 0.05;

// The best of a shelf within the budget by its planner's count, or its leanest.
Runs shelved_runs(const Shelf& shelf, Bytes budget) {
  const auto& drafts = shelf.drafts();
  const auto beyond =
      std::find_if(drafts.begin(), drafts.end(), [&](const Draft& d) { return d.peak > budget; });
  return (beyond == drafts.begin() ? drafts.front() : *std::prev(beyond)).runs();
}

}  // namespace

Portfolio::Portfolio(const TrainingGraph& graph, const PlanOptions& options)
    : graph_(graph),
      options_(options),
      started_(std::chrono::steady_clock::now()),
      floor_(memory_floor(graph)),
      bounds_(graph) {
  const std::vector<Solver> linked = linked_solvers();
  if (options.solver || !linked.empty()) {
    solver_ = make_solver(options.solver ? *options.solver : linked.front());
  }
  const auto plain = simulate(graph, plain_schedule(graph));
  ROCKMATE_CHECK(plain.has_value(), plain.has_value() ? "" : plain.error().message);
  plain_peak_ = plain->peak;
  bound_ = bounds_.simplest();
}

std::uint64_t Portfolio::all_moves() const { return options_.work_limit.value_or(kDefaultMoves); }

std::optional<Seconds> Portfolio::time_left() const {
  if (!options_.time_limit) return std::nullopt;
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - started_;
  return Seconds(std::max(0.0, options_.time_limit->count() - spent.count()));
}

// What the moments say of a budget: a bound, a start, or that there is no plan.
void Portfolio::find_bound(Bytes budget, const std::optional<Plan>& best) {
  MomentOptions options;
  // What else the programs are good for is a start, and only searches have one.
  if (best && !searches()) {
    options.known = best->seconds;
    options.known_within = kProvable;
  }
  options.solver = solver_.get();
  if (const auto left = time_left()) options.time_limit = Seconds(left->count() * kBoundPart);
  options.stop = options_.stop;
  bound_ = bounds_.at(budget, options);
  raise_floor_above(budget);
}

void Portfolio::raise_floor_above(Bytes budget) {
  if (!bound_.is_feasible) floor_.bytes = std::max(floor_.bytes, budget + Bytes(1));
}

// Where little fits, all that can happen is few enough to be looked at.
void Portfolio::play_out(Bytes budget, const std::optional<Plan>& best) {
  PebbleOptions options;
  if (best) options.known = best->seconds;
  options.bound = bound_.seconds;
  const PebbleBound played = play(budget, options);
  bound_.is_feasible = played.is_feasible;
  bound_.seconds = std::max(bound_.seconds, played.seconds);
  raise_floor_above(budget);
  report("lower bound", best);
}

PebbleBound Portfolio::play(Bytes budget, PebbleOptions options) const {
  if (options_.work_limit) {
    options.most_states = std::min(options.most_states, *options_.work_limit);
  }
  if (const auto left = time_left()) options.time_limit = Seconds(left->count() * kBoundPart);
  options.stop = options_.stop;
  return pebble_bound(bounds_.facts(), budget, options);
}

const std::vector<Shelf>& Portfolio::shelves() {
  if (!shelves_) {
    shelves_.emplace();
    const Planner planner = options_.planner;
    if (planner == Planner::kSqrt) shelves_->push_back(sqrt_shelf(graph_));
    if (planner == Planner::kRotor || planner == Planner::kCheckmate || searches()) {
      const Effort effort = planner == Planner::kRotor ? Effort::kFull : effort_;
      shelves_->push_back(rotor_shelf(graph_, effort, options_));
    }
    if (planner == Planner::kRockmate) {
      *shelves_ = rockmate_shelves(graph_, options_, [this](const std::string& stage) {
        report(stage.c_str(), std::nullopt);
      });
    }
    if (planner != Planner::kRotor) shelves_->push_back(plain_shelf(graph_));
  }
  return *shelves_;
}

void Portfolio::report(const char* stage, const std::optional<Plan>& best) const {
  if (!options_.progress) return;
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - started_;
  Progress progress{stage, Seconds(spent.count()), std::nullopt, 0};
  if (best) progress.overhead = best->overhead;
  progress.lower_bound_overhead = overhead(graph_, bound_.seconds);
  options_.progress(progress);
}

void Portfolio::keep_better(std::optional<Plan>& best, std::optional<Plan> other,
                            const char* stage) {
  if (other && (!best || other->seconds < best->seconds)) best = std::move(other);
  report(stage, best);
}

// Program order, each op in its fastest implementation that fits; else exactly the plain iteration.
std::optional<Plan> Portfolio::plain_within(Bytes budget) const {
  if (plain_peak_ > budget) return std::nullopt;
  const Runs order = program_order(graph_);
  const Runs chosen = with_implementations(graph_, order, TakeOver::kNever, budget);
  auto plan = finish(graph_, chosen, TakeOver::kNever, budget, options_);
  if (!plan || plan->seconds > graph_.plain_seconds()) {
    plan = finish(graph_, order, TakeOver::kNever, budget, options_);
  }
  if (plan) plan->planner = "plain";
  return plan;
}

std::optional<Plan> Portfolio::shelved_within(Bytes budget) {
  std::optional<Plan> best;
  for (const Shelf& shelf : shelves()) {
    keep_better(best, shelf.best_within(graph_, budget, options_), shelf.planner().c_str());
  }
  return best;
}

// Where searches start: what the bound keeps, program order, the shelves' best within the budget or
// their leanest, another order.
std::vector<SearchStart> Portfolio::starts(Bytes budget) {
  std::vector<SearchStart> starts;
  if (!bound_.start.empty()) starts.push_back(SearchStart::nearly_good(bound_.start));
  const Runs order = program_order(graph_);
  starts.push_back({order});
  for (const Shelf& shelf : shelves()) {
    if (shelf.planner() == "plain" || shelf.drafts().empty()) continue;
    starts.push_back({shelved_runs(shelf, budget)});
  }
  if (Runs other = reordered(budget); other != order) starts.push_back({std::move(other)});
  return starts;
}

// Program order with fewer bytes above the budget, where that can be had. The order alone is soon
// settled, and saves what no search of recomputations would soon undo.
Runs Portfolio::reordered(Bytes budget) const {
  ReorderOptions options;
  options.seed = options_.seed;
  options.work_limit =
      std::min(SearchStart::kReorderMovesPerOp * graph_.ops().size(), all_moves() / kReorderPart);
  if (const auto left = time_left()) options.time_limit = Seconds(left->count() / kReorderPart);
  options.stop = options_.stop;
  return reorder(graph_, budget, program_order(graph_), options);
}

std::optional<Plan> Portfolio::searched_within(Bytes budget, std::vector<SearchStart> starts,
                                               const Work& limits,
                                               const std::optional<Plan>& known) {
  if (limits.moves == 0 || starts.empty()) return std::nullopt;
  SearchTeam team(graph_, options_, budget, floor_.bytes, std::move(starts));
  TeamOptions work;
  work.moves = limits.moves;
  work.uses_all_time = !options_.work_limit && limits.fills_time;
  if (options_.time_limit) {
    const std::chrono::duration<double> limit(options_.time_limit->count() * (1 - kTightenPart));
    const auto now = std::chrono::steady_clock::now();
    const auto left = started_ + limit - now;
    work.deadline =
        now + std::chrono::duration_cast<std::chrono::nanoseconds>(left * limits.time_share);
  }
  work.lower_bound = bound_.seconds;
  work.progress = [&](const std::optional<FoundPlan>& found) {
    const bool is_better = found && (!known || found->plan.seconds < known->seconds);
    report("search", is_better ? found->plan : known);
  };
  if (auto found = team.run(work)) {
    keep_leaner({found->plan.needed(), std::move(found->runs)});
    if (!lean_plan_ || found->plan.needed() < lean_plan_->needed()) lean_plan_ = found->plan;
    return std::move(found->plan);
  }
  keep_leaner(team.closest());
  return std::nullopt;
}

// A layout that does not fit is planned again under a smaller inner budget.
std::optional<Plan> Portfolio::checkmate_plan(Bytes budget, const std::optional<Plan>& best) {
  if (!solver_) throw InvalidInput("planner 'checkmate' needs a solver, and none is linked");
  Bytes inner = budget;
  for (int attempt = 0; attempt < kInnerBudgets && inner > graph_.static_bytes(); ++attempt) {
    const Shelf& rotor = shelves().front();
    const bool has_start = !rotor.drafts().empty();
    const checkmate::CheckmateOptions options{
        .start = has_start ? std::optional(shelved_runs(rotor, inner)) : std::nullopt,
        .time_limit = time_left(),
        .progress = [&](const std::string& stage) { report(stage.c_str(), best); },
        .stop = options_.stop};
    const auto result = checkmate::checkmate_within(graph_, inner, *solver_, options);
    if (!result.runs) return std::nullopt;
    const Bytes needed = needed_by(graph_, *result.runs, TakeOver::kWhereEqual, options_);
    keep_leaner({needed, *result.runs});
    if (auto plan = finish(graph_, *result.runs, TakeOver::kWhereEqual, budget, options_)) {
      plan->planner = "checkmate";
      plan->solver = to_string(solver_->name());
      return plan;
    }
    inner -= needed - budget;
  }
  return std::nullopt;
}

std::optional<Plan> Portfolio::best_within(Bytes budget, double time_share) {
  std::optional<Plan> best = draft_within(budget, time_share);
  if (best) complete(*best);
  return best;
}

std::optional<Plan> Portfolio::draft_within(Bytes budget, double time_share) {
  bound_ = bounds_.simplest();
  if (budget < floor_.bytes) return std::nullopt;
  std::optional<Plan> best;
  if (options_.planner != Planner::kRotor && options_.planner != Planner::kSqrt) {
    keep_better(best, plain_within(budget), "plain");
  }
  if (!best) {
    best = shelved_within(budget);
    if (options_.planner == Planner::kCheckmate) {
      keep_better(best, checkmate_plan(budget, best), "checkmate");
    }
    find_bound(budget, best);
    report("lower bound", best);
    const auto is_open = [&] {
      return searches() && budget >= floor_.bytes && !(best && is_optimal(*best));
    };
    const std::uint64_t moves = all_moves();
    // A good plan first: only faster ones have to be ruled out.
    if (is_open() && can_be_played(bounds_.facts())) {
      keep_better(best, searched_within(budget, starts(budget), {moves / kScoutPart}, best),
                  "search");
      if (is_open()) play_out(budget, best);
    }
    if (is_open()) {
      keep_better(best, searched_within(budget, starts(budget), {moves, time_share, true}, best),
                  "search");
    }
  }
  return best;
}

bool Portfolio::is_optimal(const Plan& plan) const {
  return plan.seconds.count() <= bound_.seconds.count() * (1 + 1e-9);
}

void Portfolio::complete(Plan& plan) const {
  std::uint64_t work = kTightenWork;
  if (options_.work_limit) {
    work = std::min(work / kTightenWorkPerMove, *options_.work_limit) * kTightenWorkPerMove;
  } else if (const auto left = time_left()) {
    work = std::min(work, static_cast<std::uint64_t>(left->count() * kTightenWorkPerSecond));
  }
  tighten(graph_, plan, options_, work);
  plan.lower_bound = std::min(bound_.seconds, plan.seconds);
  plan.proven_optimal = is_optimal(plan);
  if (solver_ && bound_.moment && plan.solver.empty()) plan.solver = to_string(solver_->name());
}

NoPlan Portfolio::explain_no_plan(Bytes budget) {
  NoPlan no_plan;
  no_plan.budget = budget;
  look_for_leanest_on_shelves();
  if (searches() && budget < floor_.bytes && leanest_ && floor_.bytes < leanest_->needed) {
    static_cast<void>(searched_within(floor_.bytes, lean_starts(floor_.bytes), {lean_moves()}));
  }
  raise_floor_to_leanest();
  no_plan.lower_bound = floor_.bytes;
  if (leanest_) no_plan.smallest_feasible = leanest_->needed;
  if (floor_.op) no_plan.forced_op = graph_[*floor_.op].name;
  for (const ValueId v : floor_.values) no_plan.forced_values.push_back(graph_[v].name);
  if (budget < graph_.static_bytes()) {
    no_plan.reason = "the parameters, inputs and optimizer states alone do not fit";
  } else if (budget < floor_.bytes) {
    no_plan.reason = "no plan exists within the budget";
  } else {
    no_plan.reason = "no plan was found within the budget";
  }
  return no_plan;
}

}  // namespace rockmate
