#include "cli/training.h"

#include <fmt/format.h>

#include <limits>

#include "base/check.h"
#include "cli/progress_line.h"
#include "cli/trainer.h"
#include "exec/cached_step.h"
#include "rockmate/checkpoint.h"
#include "rockmate/error.h"
#include "rockmate/plan.h"

namespace rockmate::cli {
namespace {

constexpr Bytes kNoLimit{std::numeric_limits<std::int64_t>::max() / 2};

Plan plain_plan(const TrainingModel& model) {
  auto found = plan(model.graph, kNoLimit, {.planner = Planner::kPlain});
  ROCKMATE_CHECK(found.has_value());
  return *std::move(found);
}

// By the costs and what caches keep; where nobody measured that, by the costs alone.
ExpectedSteps expected_steps(const TrainingJob& job) {
  const auto planned = cached_step(job.model, job.plan, job.costs);
  const auto plain =
      planned ? cached_step(job.model, plain_plan(job.model), job.costs) : std::nullopt;
  if (!plain) return {job.plan.seconds, job.model.graph.plain_seconds()};
  return {*planned, *plain};
}

std::string progress(const TrainingJob& job, const StepReport& report) {
  return fmt::format("step {} of {}  loss {:.6g}  {}", report.step + 1, job.steps, report.loss,
                     to_string(report.seconds));
}

// One call of `train`, step by step.
class Training {
 public:
  explicit Training(const TrainingJob& job)
      : job_(job),
        data_(job.model, job.data),
        planned_(job.model, job.plan, job.options, job.compare || !job.gradients.empty()) {
    if (job.compare) {
      plain_ = std::make_unique<Trainer>(job.model, plain_plan(job.model), job.options, true);
      outcome_.comparison.emplace().bytes = plain_->executor().planned();
    }
    if (!job.held_out.empty()) {
      held_out_ = std::make_unique<HeldOut>(planned_.executor(), *job.evaluation, job.held_out);
    }
    outcome_.planned = planned_.executor().planned();
    outcome_.expected = expected_steps(job);
    if (job.resume.empty()) return;
    for (Trainer* trainer : trainers()) load_checkpoint(trainer->executor(), job.resume);
  }

  TrainingOutcome run() && {
    evaluate();
    ProgressLine line;
    while (step() < job_.steps && !job_.stop.stop_requested()) {
      run_step();
      line.show(progress(job_, outcome_.steps.back()));
      const bool is_last = step() >= job_.steps || job_.stop.stop_requested();
      if (is_due(job_.evaluate_every) && !is_last) evaluate();
      if (is_due(job_.save_every) && !is_last) save();
    }
    save();
    if (!outcome_.steps.empty()) evaluate();
    if (job_.finish) job_.finish(planned_.executor());
    if (!job_.gradients.empty() && !outcome_.steps.empty()) {
      planned_.gradients().write(job_.gradients);
    }
    return std::move(outcome_);
  }

 private:
  std::uint64_t step() { return planned_.executor().next_step(); }
  bool is_due(std::size_t every) { return every > 0 && step() % every == 0; }
  std::vector<Trainer*> trainers() {
    if (!plain_) return {&planned_};
    return {plain_.get(), &planned_};
  }

  void run_step() {
    const LinkTraffic before = planned_.traffic();
    const OffloadMode mode = job_.modelled ? job_.modelled->mode : OffloadMode::kNative;
    fetch();
    for (Trainer* trainer : trainers()) {
      trainer->executor().set_rate(job_.rate.factor(step()));
      const StepReport report = trainer->step(mode);
      if (trainer == &planned_) {
        outcome_.steps.push_back(report);
        outcome_.measured = report.measured;
        const auto times = trainer->executor().op_times();
        if (!times.empty()) outcome_.op_times.emplace_back(times.begin(), times.end());
      } else {
        outcome_.comparison->seconds.push_back(report.seconds);
        outcome_.comparison->losses.push_back(report.loss);
      }
    }
    const LinkTraffic after = planned_.traffic();
    outcome_.copied = {after.down - before.down, after.up - before.up, after.copies - before.copies,
                       after.seconds - before.seconds};
    if (plain_) compare(job_.model, *plain_, planned_, outcome_.comparison->same);
  }

  // What was done until then must not be lost where the data end.
  void fetch() {
    try {
      const std::vector<BatchPart>& batch = data_.batch(step());
      for (Trainer* trainer : trainers()) feed(batch, step(), trainer->executor());
    } catch (const InvalidInput&) {
      if (!outcome_.steps.empty()) save();
      throw;
    }
  }

  void save() {
    if (!job_.save.empty()) save_checkpoint(planned_.executor(), job_.save);
  }

  void evaluate() {
    if (held_out_) outcome_.evaluations.push_back(held_out_->evaluate());
  }

  const TrainingJob& job_;
  TrainingData data_;
  Trainer planned_;
  std::unique_ptr<Trainer> plain_;     // where both are compared
  std::unique_ptr<HeldOut> held_out_;  // where there are such data
  TrainingOutcome outcome_;
};

}  // namespace

TrainingOutcome train(const TrainingJob& job) { return Training(job).run(); }

}  // namespace rockmate::cli
