#include "cli/training.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "cli/gradients.h"
#include "cli/progress_line.h"
#include "cli/raw_data.h"
#include "rockmate/plan.h"

namespace rockmate::cli {
namespace {

constexpr Bytes kNoLimit{std::numeric_limits<std::int64_t>::max() / 2};

Plan plain_plan(const TrainingModel& model) {
  auto found = plan(model.graph, kNoLimit, {.planner = Planner::kPlain});
  ROCKMATE_CHECK(found.has_value());
  return *std::move(found);
}

// An executor, its data, and its gradients where someone asks for them.
class Trainer {
 public:
  Trainer(const TrainingJob& job, const Plan& plan, bool records)
      : data_(job.model, job.data), executor_(job.model, plan, job.options) {
    if (!records) return;
    gradients_ = std::make_unique<GradientRecorder>(job.model);
    executor_.observe([this](const Observation& seen) { gradients_->record(seen); });
  }

  StepReport step(std::uint64_t number) {
    data_.feed(executor_, number);
    return executor_.step();
  }

  [[nodiscard]] const Executor& executor() const { return executor_; }
  [[nodiscard]] const GradientRecorder& gradients() const { return *gradients_; }

 private:
  RawData data_;
  Executor executor_;
  std::unique_ptr<GradientRecorder> gradients_;
};

void compare(const TrainingModel& model, const Trainer& plain, const Trainer& planned,
             Comparison& comparison) {
  const auto same = [&](ValueId v) {
    const std::string& name = model.graph[v].name;
    return std::ranges::equal(plain.executor().bytes(name), planned.executor().bytes(name));
  };
  for (const WeightedLoss& loss : model.losses) comparison.loss_equal &= same(loss.value);
  comparison.gradients_equal &=
      std::ranges::equal(plain.gradients().bytes(), planned.gradients().bytes());
  for (const Source& source : model.sources) {
    const bool is_statistics = model.graph[source.value].kind == ValueKind::kStatistics;
    (is_statistics ? comparison.statistics_equal : comparison.gradients_equal) &=
        same(source.value);
  }
}

std::string progress(const TrainingJob& job, const StepReport& report) {
  return fmt::format("step {} of {}  loss {:.6g}  {}", report.step + 1, job.steps, report.loss,
                     to_string(report.seconds));
}

}  // namespace

TrainingOutcome train(const TrainingJob& job) {
  Trainer planned(job, job.plan, job.compare || !job.gradients.empty());
  std::unique_ptr<Trainer> plain;
  TrainingOutcome outcome;
  outcome.planned = planned.executor().planned();
  if (job.compare) {
    plain = std::make_unique<Trainer>(job, plain_plan(job.model), true);
    outcome.comparison.emplace().bytes = plain->executor().planned();
  }
  ProgressLine line;
  while (outcome.steps.size() < job.steps && !job.stop.stop_requested()) {
    const std::uint64_t step = outcome.steps.size();
    if (plain) outcome.comparison->seconds.push_back(plain->step(step).seconds);
    outcome.steps.push_back(planned.step(step));
    outcome.measured = outcome.steps.back().measured;
    if (plain) compare(job.model, *plain, planned, *outcome.comparison);
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
