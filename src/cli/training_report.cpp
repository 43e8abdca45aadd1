#include "cli/training_report.h"

#include <fmt/format.h>

#include "cli/op_times.h"
#include "cli/table.h"

namespace rockmate::cli {
namespace {

Seconds median_step(const TrainingOutcome& outcome) {
  std::vector<Seconds> times;
  for (const StepReport& step : outcome.steps) times.push_back(step.seconds);
  return median(std::move(times));
}

// Of the medians; nothing where there is nothing to compare with.
std::optional<double> measured_overhead(const TrainingOutcome& outcome) {
  if (!outcome.comparison) return std::nullopt;
  const Seconds plain = median(outcome.comparison->seconds);
  if (plain == Seconds()) return std::nullopt;
  return median_step(outcome).count() / plain.count() - 1;
}

double expected_overhead(const TrainingJob& job, const TrainingOutcome& outcome) {
  const ExpectedSteps& expected = outcome.expected;
  if (expected.plain == Seconds()) return job.plan.overhead;
  return expected.planned.count() / expected.plain.count() - 1;
}

const char* same(bool equal) { return equal ? "the same" : "DIFFERENT"; }

void add_comparison(const Comparison& comparison, const ExpectedSteps& expected, Table& table) {
  table.row({"plain iteration", to_string(comparison.bytes),
             fmt::format("{} a step (median), {} expected", to_string(median(comparison.seconds)),
                         to_string(expected.plain))});
  table.row({"bits", "",
             fmt::format("losses {}, gradients {}, statistics {}", same(comparison.same.loss),
                         same(comparison.same.gradients), same(comparison.same.statistics))});
}

void add_modelled(const TrainingJob& job, const TrainingOutcome& outcome, Table& table) {
  const ModelledStep& step = *job.modelled;
  table.row({"modelled", to_string(job.plan.seconds + step.offload.seconds),
             fmt::format("a step on {}: kernels {}, copies {}", step.device.name,
                         to_string(job.plan.seconds), to_string(step.offload.seconds))});
  table.row({"offload", to_string(step.mode),
             fmt::format("{} bytes down, {} bytes up a step", step.offload.down.count(),
                         step.offload.up.count())});
  table.row({"copied", fmt::format("{}", outcome.copied.copies),
             fmt::format("copies in the last step: {} bytes down, {} bytes up, modelled {}",
                         outcome.copied.down.count(), outcome.copied.up.count(),
                         to_string(outcome.copied.seconds))});
}

}  // namespace

std::string report(const TrainingJob& job, const TrainingOutcome& outcome) {
  Table table("lrl");
  if (!outcome.steps.empty()) {
    table.row({"loss", fmt::format("{:.6g}", outcome.steps.back().loss),
               fmt::format("{:.6g} in the first step", outcome.steps.front().loss)});
  }
  for (const Evaluation& found : outcome.evaluations) {
    table.row({"held out", fmt::format("{:.6g}", found.loss),
               found.accuracy ? fmt::format("{} right after {}", percent(*found.accuracy),
                                            counted(found.step, "step"))
                              : fmt::format("after {}", counted(found.step, "step"))});
  }
  table.row({"step", to_string(median_step(outcome)),
             fmt::format("median; {} expected", to_string(outcome.expected.planned))});
  table.row({"memory", to_string(outcome.planned),
             fmt::format("{} bytes planned, {} measured", outcome.planned.count(),
                         outcome.measured.count())});
  const auto overhead = measured_overhead(outcome);
  table.row({"overhead", percent(expected_overhead(job, outcome)),
             overhead ? fmt::format("planned; {} measured", percent(*overhead)) : "planned"});
  if (job.modelled) add_modelled(job, outcome, table);
  if (outcome.comparison) add_comparison(*outcome.comparison, outcome.expected, table);
  std::string text =
      fmt::format("{}: {} within {}\n\n{}", job.plan.graph, counted(outcome.steps.size(), "step"),
                  to_string(job.plan.budget), table.text());
  if (job.modelled) text += "\n" + kernel_table(job.modelled->kernels);
  if (job.options.time_ops) {
    text += fmt::format("\n{}", report(timed_ops(job.model, outcome.op_times)));
  }
  return text;
}

nlohmann::ordered_json to_json(const TrainingJob& job, const TrainingOutcome& outcome) {
  nlohmann::ordered_json object;
  object["steps"] = nlohmann::ordered_json::array();
  for (const StepReport& step : outcome.steps) {
    object["steps"].push_back({{"loss", step.loss}, {"seconds", step.seconds.count()}});
  }
  if (!job.resume.empty()) {
    object["first_step"] = outcome.steps.empty() ? job.steps : outcome.steps.front().step;
  }
  if (!job.held_out.empty()) {
    object["evaluations"] = nlohmann::ordered_json::array();
    for (const Evaluation& found : outcome.evaluations) {
      object["evaluations"].push_back({{"step", found.step}, {"loss", found.loss}});
      object["evaluations"].back()["accuracy"] = nullptr;
      if (found.accuracy) object["evaluations"].back()["accuracy"] = *found.accuracy;
    }
  }
  object["planned_bytes"] = outcome.planned.count();
  object["measured_bytes"] = outcome.measured.count();
  object["seconds_planned"] = outcome.expected.planned.count();
  object["seconds_measured"] = median_step(outcome).count();
  object["overhead_planned"] = expected_overhead(job, outcome);
  if (job.modelled) {
    object["modelled_device"] = job.modelled->device.name;
    object["modelled_kernel_seconds"] = job.plan.seconds.count();
    object["modelled_copy_seconds"] = job.modelled->offload.seconds.count();
    object["offload"] = to_string(job.modelled->mode);
    object["offload_down_bytes"] = job.modelled->offload.down.count();
    object["offload_up_bytes"] = job.modelled->offload.up.count();
    object["copied_down_bytes"] = outcome.copied.down.count();
    object["copied_up_bytes"] = outcome.copied.up.count();
    object["copied_times"] = outcome.copied.copies;
    object["copied_seconds_modelled"] = outcome.copied.seconds.count();
    object["modelled_kernels"] = to_json(job.modelled->kernels);
  }
  object["overhead_measured"] = nullptr;
  if (const auto overhead = measured_overhead(outcome)) object["overhead_measured"] = *overhead;
  if (outcome.comparison) {
    object["loss_equal"] = outcome.comparison->same.loss;
    object["gradients_equal"] = outcome.comparison->same.gradients;
    object["statistics_equal"] = outcome.comparison->same.statistics;
    object["plain_bytes"] = outcome.comparison->bytes.count();
    object["plain_seconds"] = median(outcome.comparison->seconds).count();
    object["plain_seconds_planned"] = outcome.expected.plain.count();
  }
  if (job.options.time_ops) object["ops"] = to_json(timed_ops(job.model, outcome.op_times));
  return object;
}

}  // namespace rockmate::cli
