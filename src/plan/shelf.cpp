#include "plan/shelf.h"

#include <algorithm>

#include "base/check.h"
#include "graph/cuts.h"
#include "plan/finish.h"
#include "rotor/chen_sqrt.h"
#include "rotor/rotor.h"

namespace rockmate {
namespace {

// Planners count some bytes that the judge does not; so a few drafts beyond the budget are tried.
constexpr std::size_t kBeyond = 24;
// Drafts tried for the least budget: the leanest ones by the planner's count.
constexpr std::size_t kLeanest = 12;
// Runs on one shelf at most; a curve of more is taken at even distances.
constexpr std::size_t kShelfRuns = 4'000'000;
// Chains up to this length are solved at the level of ops.
constexpr std::size_t kFinestBlocks = 250;
constexpr std::size_t kCoarseBlocks = 80;

Seconds seconds_of(const TrainingGraph& graph, const Runs& runs) {
  Seconds sum;
  for (const Run& run : runs) sum += graph[run.op].seconds();
  return sum;
}

// As many blocks as the dynamic program can afford, cut where little lies across.
Chain coarse_chain(const TrainingGraph& graph) {
  const std::size_t share = forward_part(graph).size() / kCoarseBlocks + 1;
  return cut_chain(graph, choose_cuts(graph, {.max_blocks = kCoarseBlocks,
                                              .max_block_ops = 2 * share,
                                              .target_block_ops = share}));
}

void add_curve(const TrainingGraph& graph, const rotor::Rotor& rotor, Shelf& shelf) {
  const auto& curve = rotor.curve();
  const std::size_t runs_each = 2 * graph.ops().size();
  const std::size_t most = std::max<std::size_t>(64, kShelfRuns / runs_each);
  const std::size_t step = (curve.size() + most - 1) / most;
  for (std::size_t i = 0; i < curve.size(); ++i) {
    if (i % step != 0 && i + 1 != curve.size()) continue;
    Runs runs = rotor.runs(curve[i]);
    const Seconds seconds = seconds_of(graph, runs);
    shelf.add({curve[i].peak, seconds, std::move(runs)});
  }
}

}  // namespace

void Shelf::close() {
  std::stable_sort(drafts_.begin(), drafts_.end(), [](const Draft& x, const Draft& y) {
    return x.peak != y.peak ? x.peak < y.peak : x.seconds < y.seconds;
  });
  std::vector<Draft> kept;
  for (Draft& draft : drafts_) {
    if (kept.empty() || draft.seconds < kept.back().seconds) kept.push_back(std::move(draft));
  }
  drafts_ = std::move(kept);
}

std::optional<Plan> Shelf::best_within(const TrainingGraph& graph, Bytes budget,
                                       const PlanOptions& options) const {
  const auto beyond =
      std::upper_bound(drafts_.begin(), drafts_.end(), budget,
                       [](Bytes bytes, const Draft& draft) { return bytes < draft.peak; });
  const auto within = static_cast<std::size_t>(beyond - drafts_.begin());
  for (std::size_t i = std::min(within + kBeyond, drafts_.size()); i-- > 0;) {
    const Runs runs = with_implementations(graph, drafts_[i].runs, TakeOver::kWhereEqual, budget);
    if (auto plan = finish(graph, runs, TakeOver::kWhereEqual, budget, options)) {
      plan->planner = planner_;
      return plan;
    }
  }
  return std::nullopt;
}

std::optional<Lean> Shelf::leanest(const TrainingGraph& graph, const PlanOptions& options) const {
  std::optional<Lean> least;
  for (std::size_t i = 0; i < std::min(kLeanest, drafts_.size()); ++i) {
    Runs runs = with_implementations(graph, drafts_[i].runs, TakeOver::kWhereEqual, Bytes());
    const Bytes needed = needed_by(graph, runs, TakeOver::kWhereEqual, options);
    if (!least || needed < least->needed) least = Lean{needed, std::move(runs)};
  }
  return least;
}

Shelf plain_shelf(const TrainingGraph& graph) {
  Shelf shelf("plain");
  const auto trace = simulate(graph, plain_schedule(graph));
  ROCKMATE_CHECK(trace.has_value(), trace.has_value() ? "" : trace.error().message);
  shelf.add({trace->peak, trace->seconds, program_order(graph)});
  return shelf;
}

Shelf sqrt_shelf(const TrainingGraph& graph) {
  Shelf shelf("sqrt");
  const Chain chain = coarse_chain(graph);
  if (chain.blocks.empty()) return shelf;
  const rotor::ChainCosts costs(graph, chain);
  for (std::size_t segments = 1; segments <= chain.blocks.size(); ++segments) {
    Runs runs = rotor::chen_segments(graph, chain, costs, segments);
    const auto trace = simulate(graph, schedule_from_runs(graph, runs));
    ROCKMATE_CHECK(trace.has_value(), trace.has_value() ? "" : trace.error().message);
    shelf.add({trace->peak, trace->seconds, std::move(runs)});
  }
  shelf.close();
  return shelf;
}

Shelf rotor_shelf(const TrainingGraph& graph, Effort effort, const PlanOptions& options) {
  Shelf shelf("rotor");
  const rotor::RotorOptions rotor_options{.threads = options.threads, .stop = options.stop};
  const std::size_t size = forward_part(graph).size();
  if (size == 0) return shelf;
  const auto add_chain = [&](Chain chain) {
    add_curve(graph, rotor::Rotor(graph, std::move(chain), rotor_options), shelf);
  };
  if (size <= kCoarseBlocks) {
    add_chain(finest_chain(graph));
  } else {
    add_chain(coarse_chain(graph));
    if (effort == Effort::kFull && size <= kFinestBlocks) add_chain(finest_chain(graph));
  }
  shelf.close();
  return shelf;
}

}  // namespace rockmate
