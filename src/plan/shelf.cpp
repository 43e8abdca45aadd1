#include "plan/shelf.h"

#include <algorithm>
#include <memory>

#include "base/check.h"
#include "graph/cuts.h"
#include "plan/finish.h"
#include "rotor/chen_sqrt.h"
#include "rotor/rotor.h"

namespace rockmate {
namespace {

// Drafts tried for the least budget: the leanest ones by the planner's count.
constexpr std::size_t kLeanest = 12;
// Steps of the packer for each of them.
constexpr std::uint64_t kLeanWork = 20'000'000;
// Planners count some bytes that the judge does not, and do not know what lies lost between
// addresses. So drafts on both sides of the budget are tried, one by one until the ops of those on
// a side come to this, and at least so many; then steps to leaner ones double.
constexpr std::size_t kTriedOps = 200'000;
constexpr std::size_t kTried = 16;
// Steps of the packer for each of them, and how many that need more get all of its steps.
constexpr std::uint64_t kDraftWork = 3'000'000;
constexpr std::size_t kCareful = 3;
// Seconds that differ by this share are the same, added up in another order.
constexpr double kRounding = 1e-9;
constexpr std::size_t kCoarseBlocks = 80;
constexpr std::size_t kMiddleBlocks = 300;
// Up to so many ops, each is a block of its own.
constexpr std::size_t kFinestBlocks = 1000;
// Where there is time: chains up to these lengths are solved exactly, or finely.
constexpr std::size_t kExactBlocks = 180;
constexpr std::size_t kFineBlocks = 2000;

// At most so many blocks, cut where little lies across.
Chain joined_chain(const TrainingGraph& graph, std::size_t blocks) {
  const std::size_t share = forward_part(graph).size() / blocks + 1;
  return cut_chain(graph, choose_cuts(graph, {.max_blocks = blocks,
                                              .max_block_ops = 2 * share,
                                              .target_block_ops = share}));
}

void add_curve(std::shared_ptr<const rotor::Rotor> rotor, Shelf& shelf) {
  if (rotor->curve().empty()) return;  // stopped
  for (const rotor::CurvePoint& point : rotor->curve()) {
    shelf.add({point.peak, point.seconds, [rotor, point] { return rotor->runs(point); }});
  }
  shelf.add_bound([rotor](Bytes budget) { return rotor->bound(budget); });
}

// Finer chains have more plans, but count more bytes: whatever rides across a block's boundary
// stays until the block is done. So no length is the best at every budget.
std::vector<Chain> rotor_chains(const TrainingGraph& graph, Effort effort) {
  const std::size_t size = forward_part(graph).size();
  std::vector<Chain> chains;
  if (effort == Effort::kFull && size > kCoarseBlocks) {
    chains.push_back(joined_chain(graph, kCoarseBlocks));
  }
  if (size > kMiddleBlocks) chains.push_back(joined_chain(graph, kMiddleBlocks));
  if (size > kFinestBlocks) {
    chains.push_back(joined_chain(graph, 2 * size / 3));  // of one to four ops each
  } else if (size > 0) {
    chains.push_back(finest_chain(graph));
  }
  return chains;
}

}  // namespace

std::optional<Plan> Shelf::best_within(const TrainingGraph& graph, Bytes budget,
                                       const PlanOptions& options) const {
  const auto beyond =
      std::upper_bound(drafts_.begin(), drafts_.end(), budget,
                       [](Bytes bytes, const Draft& draft) { return bytes < draft.peak; });
  const auto within = static_cast<std::size_t>(beyond - drafts_.begin());
  PlanOptions live = options;
  live.layout = false;
  // Leaner implementations may bring in what the judge has found too large.
  const bool has_choice = has_choice_of_implementations(graph);
  const auto finished = [&](std::size_t i, std::uint64_t work) -> std::optional<Plan> {
    if (!has_choice && drafts_[i].judged.value_or(Bytes()) > budget) return std::nullopt;
    const Runs runs = with_implementations(graph, drafts_[i].runs(), TakeOver::kWhereEqual, budget);
    if (needed_by(graph, runs, TakeOver::kWhereEqual, live) > budget) return std::nullopt;
    return try_runs(graph, runs, TakeOver::kWhereEqual, budget, options, {.work = work}).plan;
  };
  const std::size_t aside =
      std::max(kTried, kTriedOps / std::max<std::size_t>(1, graph.ops().size()));
  std::size_t left = aside, step = 1;
  std::size_t found = std::min(within + aside, drafts_.size()), failed = found;
  std::optional<Plan> plan;
  while (found > 0 && !plan) {
    failed = found;
    found -= std::min(step, found);
    plan = finished(found, kDraftWork);
    if (found >= within || left-- > 0) continue;
    left = 1;
    step *= 2;
  }
  if (!plan) return std::nullopt;
  // What a long step went past.
  while (failed - found > 1) {
    const std::size_t middle = found + (failed - found) / 2;
    auto better = finished(middle, kDraftWork);
    (better ? found : failed) = middle;
    if (better) plan = std::move(better);
  }
  // Who goes on searching from here needs no more; others may be a good layout away from less time.
  const std::size_t careful = options.planner == Planner::kPortfolio ? 0 : kCareful;
  for (std::size_t i = std::min(found + careful, within); i-- > found + 1;) {
    if (auto better = finished(i, LayoutStart().work)) {
      plan = std::move(better);
      break;
    }
  }
  plan->planner = planner_;
  plan->candidates = origin_.candidates;
  plan->solver = origin_.solver;
  state_epsilon(*plan);
  return plan;
}

// Each bound is one of another chain's plans; the least of them is one of them all.
void Shelf::state_epsilon(Plan& plan) const {
  if (bounds_.empty()) return;
  Seconds least = plan.seconds;
  for (const BoundWithin& bound : bounds_) least = std::min(least, bound(plan.budget));
  const double more = plan.seconds.count() / least.count() - 1;
  plan.rotor_epsilon = more > kRounding ? more : 0;
}

std::optional<Lean> Shelf::leanest(const TrainingGraph& graph, const PlanOptions& options) const {
  std::optional<Lean> least;
  for (std::size_t i = 0; i < std::min(kLeanest, drafts_.size()); ++i) {
    Runs runs = with_implementations(graph, drafts_[i].runs(), TakeOver::kWhereEqual, Bytes());
    const Bytes needed = needed_by(graph, runs, TakeOver::kWhereEqual, options, kLeanWork);
    if (!least || needed < least->needed) least = Lean{needed, std::move(runs)};
  }
  return least;
}

Shelf plain_shelf(const TrainingGraph& graph) {
  Shelf shelf("plain");
  const auto trace = simulate(graph, plain_schedule(graph));
  ROCKMATE_CHECK(trace.has_value(), trace.has_value() ? "" : trace.error().message);
  shelf.add({trace->peak, trace->seconds, [&graph] { return program_order(graph); }});
  return shelf;
}

Shelf sqrt_shelf(const TrainingGraph& graph) {
  Shelf shelf("sqrt");
  const Chain chain = joined_chain(graph, kCoarseBlocks);
  if (chain.blocks.empty()) return shelf;
  const rotor::ChainCosts costs(graph, chain);
  for (std::size_t segments = 1; segments <= chain.blocks.size(); ++segments) {
    Runs runs = rotor::chen_segments(graph, chain, costs, segments);
    const auto trace = simulate(graph, schedule_from_runs(graph, runs));
    ROCKMATE_CHECK(trace.has_value(), trace.has_value() ? "" : trace.error().message);
    shelf.add({trace->peak, trace->seconds, [runs = std::move(runs)] { return runs; }});
  }
  shelf.close();
  return shelf;
}

std::vector<rotor::Rotor> solved_chains(const TrainingGraph& graph, Effort effort,
                                        const PlanOptions& options) {
  std::vector<rotor::Rotor> solved;
  const bool full = effort == Effort::kFull;
  for (Chain& chain : rotor_chains(graph, effort)) {
    const bool fine = full && chain.blocks.size() <= kFineBlocks;
    const rotor::RotorOptions rotor_options{
        .exact_blocks = full ? kExactBlocks : kCoarseBlocks,
        .precision = fine ? rotor::Precision::kFine : rotor::Precision::kCoarse,
        .threads = options.threads,
        .stop = options.stop};
    solved.emplace_back(graph, std::move(chain), rotor_options);
  }
  return solved;
}

Shelf rotor_shelf(const TrainingGraph& graph, Effort effort, const PlanOptions& options) {
  Shelf shelf("rotor");
  for (rotor::Rotor& rotor : solved_chains(graph, effort, options)) {
    add_curve(std::make_shared<const rotor::Rotor>(std::move(rotor)), shelf);
  }
  shelf.close();
  return shelf;
}

}  // namespace rockmate
