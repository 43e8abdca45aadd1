#include "cli/training.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "cli/progress_line.h"
#include "cli/raw_data.h"
#include "cli/trainer.h"
#include "rockmate/plan.h"

namespace rockmate::cli {
namespace {

constexpr Bytes kNoLimit{std::numeric_limits<std::int64_t>::max() / 2};

Plan plain_plan(const TrainingModel& model) {
  auto found = plan(model.graph, kNoLimit, {.planner = Planner::kPlain});
  ROCKMATE_CHECK(found.has_value());
  return *std::move(found);
}

std::string progress(const TrainingJob& job, const StepReport& report) {
  return fmt::format("step {} of {}  loss {:.6g}  {}", report.step + 1, job.steps, report.loss,
                     to_string(report.seconds));
}

}  // namespace

TrainingOutcome train(const TrainingJob& job) {
  RawData data(job.model, job.data);
  Trainer planned(job.model, job.plan, job.options, job.compare || !job.gradients.empty());
  std::unique_ptr<Trainer> plain;
  TrainingOutcome outcome;
  outcome.planned = planned.executor().planned();
  if (job.compare) {
    plain = std::make_unique<Trainer>(job.model, plain_plan(job.model), job.options, true);
    outcome.comparison.emplace().bytes = plain->executor().planned();
  }
  const auto run = [&](Trainer& trainer) {
    data.feed(trainer.executor(), outcome.steps.size());
    return trainer.executor().step();
  };
  ProgressLine line;
  while (outcome.steps.size() < job.steps && !job.stop.stop_requested()) {
    if (plain) outcome.comparison->seconds.push_back(run(*plain).seconds);
    outcome.steps.push_back(run(planned));
    outcome.measured = outcome.steps.back().measured;
    if (plain) compare(job.model, *plain, planned, outcome.comparison->same);
    line.show(progress(job, outcome.steps.back()));
  }
  if (!job.gradients.empty() && !outcome.steps.empty()) planned.gradients().write(job.gradients);
  return outcome;
}

Seconds median(std::vector<Seconds> times) {
  if (times.empty()) return {};
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

}  // namespace rockmate::cli
