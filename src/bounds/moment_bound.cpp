// First every moment with a price on its bytes, by minimum cuts: milliseconds. Then the integer
// programs of the best few, under a limit of nodes. Any moment gives a bound that holds, so which
// ones are looked at is a matter of time only.

#include "bounds/moment_bound.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "bounds/moment_program.h"
#include "bounds/moment_start.h"
#include "bounds/priced_moment.h"

namespace rockmate {
namespace {

// Ops times moments: some tenths of a second of minimum cuts.
constexpr std::size_t kSweep = 150'000;
constexpr std::size_t kFewestMoments = 12;
// Integer programs for one budget, and nodes times variables for the first of them; each further
// one gets a tenth, and is left out where that is fewer nodes than kFewestNodes: the root alone
// says no more than prices do, and takes seconds where variables are many.
constexpr std::size_t kPrograms = 3;
constexpr std::uint64_t kNodeWork = 1'000'000;
constexpr std::uint64_t kRootNodes = 20, kFewestNodes = 10;
constexpr double kRounding = 1e-9;  // of sums of seconds, as a share

// Ops by falling bytes while they run in the plain iteration.
std::vector<OpId> by_plain_bytes(const TrainingGraph& graph) {
  const Schedule schedule = plain_schedule(graph);
  const auto trace = simulate(graph, schedule);
  ROCKMATE_CHECK(trace.has_value(), trace.has_value() ? "" : trace.error().message);
  std::vector<std::pair<Bytes, OpId>> ops;
  for (std::size_t i = 0; i < schedule.size(); ++i) {
    if (const auto* compute = std::get_if<Compute>(&schedule[i])) {
      ops.emplace_back(trace->live[i], compute->op);
    }
  }
  std::stable_sort(ops.begin(), ops.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<OpId> order;
  for (const auto& [bytes, op] : ops) order.push_back(op);
  return order;
}

}  // namespace

struct MomentBounds::Candidate {
  OpId op;
  PricedBound bound;
};

MomentBounds::MomentBounds(const TrainingGraph& graph)
    : facts_(graph), moments_(by_plain_bytes(graph)) {
  const std::size_t ops = std::max<std::size_t>(1, graph.ops().size());
  const std::size_t most = std::max(kFewestMoments, kSweep / ops);
  if (moments_.size() > most) moments_.resize(most);
}

// By falling bound; alone if it shows that there is no plan.
std::vector<MomentBounds::Candidate> MomentBounds::sweep(Bytes budget,
                                                         const MomentOptions& options) const {
  std::vector<Candidate> found;
  double best = 0;
  for (const OpId op : moments_) {
    if (options.stop.stop_requested()) break;
    const Moment moment(facts_, op);
    const PricedBound bound = priced_bound(facts_, moment, budget, best / 2);
    if (!bound.is_feasible) return {{op, bound}};
    if (bound.extra_seconds <= 0) continue;
    best = std::max(best, bound.extra_seconds);
    found.push_back({op, bound});
  }
  std::stable_sort(found.begin(), found.end(), [](const Candidate& a, const Candidate& b) {
    return a.bound.extra_seconds > b.bound.extra_seconds;
  });
  return found;
}

MomentBound MomentBounds::simplest() const { return {true, facts_.fastest, std::nullopt, {}}; }

MomentBound MomentBounds::at(Bytes budget, const MomentOptions& options) const {
  MomentBound best = simplest();
  std::vector<Candidate> candidates = sweep(budget, options);
  if (candidates.empty()) return best;
  if (!candidates.front().bound.is_feasible) {
    best.is_feasible = false;
    best.moment = candidates.front().op;
    return best;
  }
  best.seconds += Seconds(candidates.front().bound.extra_seconds);
  best.moment = candidates.front().op;
  std::set<ValueId> kept = candidates.front().bound.kept;
  if (options.solver != nullptr) {
    if (candidates.size() > kPrograms) candidates.resize(kPrograms);
    for (std::size_t k = 0; k < candidates.size(); ++k) {
      const Candidate& candidate = candidates[k];
      const double most = (facts_.fastest.count() + candidate.bound.kept_seconds) * (1 + kRounding);
      const double least = facts_.fastest.count() + candidate.bound.extra_seconds;
      const double sought = std::min(most, least * (1 + options.known_within));
      if (options.known && options.known->count() > sought) continue;
      const Moment moment(facts_, candidate.op);
      const MomentProgram program(facts_, moment, budget);
      const std::uint64_t work = k == 0 ? kNodeWork : kNodeWork / 10;
      const std::uint64_t nodes =
          work / std::max<std::size_t>(1, program.model().variables().size());
      if (k > 0 && nodes < kFewestNodes) continue;
      const MilpResult result =
          options.solver->solve(program.model(), {.node_limit = kRootNodes + nodes,
                                                  .time_limit = options.time_limit,
                                                  .stop = options.stop});
      if (result.status == MilpStatus::kInfeasible) {
        best.is_feasible = false;
        best.moment = candidate.op;
        return best;
      }
      const Seconds seconds = facts_.fastest + program.proven_seconds(result);
      if (seconds < best.seconds) continue;
      best.seconds = seconds;
      best.moment = candidate.op;
      if (!result.values.empty()) kept = program.kept(result.values);
    }
  }
  best.start = start_from_moment(facts_, *best.moment, kept);
  return best;
}

MilpModel MomentBounds::program(Bytes budget) const {
  if (moments_.empty()) return {};
  const std::vector<Candidate> candidates = sweep(budget, {});
  const OpId op = candidates.empty() ? moments_.front() : candidates.front().op;
  const Moment moment(facts_, op);
  return MomentProgram(facts_, moment, budget).model();
}

}  // namespace rockmate
