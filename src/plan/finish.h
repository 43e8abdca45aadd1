// From a planner's runs to a plan that can be handed out: implementations chosen, frees derived,
// addresses given, replayed by the judge, compared with the budget.
#pragma once

#include <optional>
#include <span>

#include "rockmate/plan.h"
#include "schedule/runs.h"
#include "search/search.h"

namespace rockmate {

/// Whether some op has more than one implementation that a plan may want. Linear.
[[nodiscard]] bool has_choice_of_implementations(const TrainingGraph& graph);

/// The runs with, for each, the fastest implementation of its op's numeric class whose workspace
/// fits beside what lives at that moment; where none fits, the one with the least workspace. `runs`
/// must be executable.
[[nodiscard]] Runs with_implementations(const TrainingGraph& graph, const Runs& runs,
                                        TakeOver take_over, Bytes budget);

/// What became of runs: a plan if they keep the budget, and the bytes that they need in any case:
/// where they do not keep it, layout included unless the options leave it out.
struct Outcome {
  std::optional<Plan> plan;
  Bytes needed;
};

/// What a layout begins with, and the steps of the packer that it may take.
struct LayoutStart {
  std::span<const PlaceOfRun> places = {};
  std::uint64_t work = 200'000'000;
};

/// The lower bound and the planner's name are left to the caller. Deterministic; throws
/// InternalError if the judge finds a rule broken.
[[nodiscard]] Outcome try_runs(const TrainingGraph& graph, const Runs& runs, TakeOver take_over,
                               Bytes budget, const PlanOptions& options,
                               const LayoutStart& start = {});

/// The plan of `try_runs`.
[[nodiscard]] std::optional<Plan> finish(const TrainingGraph& graph, const Runs& runs,
                                         TakeOver take_over, Bytes budget,
                                         const PlanOptions& options);

/// Packs on, by at most so much work, where the arena of a plan is more than 0.5 % above what lives
/// in it at one time; so a plan whose layout met the budget at once is as small as can be, too.
void tighten(const TrainingGraph& graph, Plan& plan, const PlanOptions& options,
             std::uint64_t work);

/// The bytes that these runs need at least, layout included unless the options leave it out.
[[nodiscard]] Bytes needed_by(const TrainingGraph& graph, const Runs& runs, TakeOver take_over,
                              const PlanOptions& options,
                              std::uint64_t layout_work = LayoutStart().work);

}  // namespace rockmate
