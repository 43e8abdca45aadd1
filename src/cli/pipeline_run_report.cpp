#include "cli/pipeline_run_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/op_times.h"
#include "cli/table.h"
#include "cli/training.h"

namespace rockmate::cli {
namespace {

Seconds median_makespan(const PipelineOutcome& outcome) {
  std::vector<Seconds> times;
  for (const PipelineStep& step : outcome.steps) times.push_back(step.makespan);
  return median(std::move(times));
}

// The measured share of the last step in which a rank did not compute.
double bubble(const PipelineStep& step, const RankTrace& rank) {
  return step.makespan > Seconds() ? 1 - rank.busy.count() / step.makespan.count() : 0;
}

double number_after(const std::string& text, std::string_view key) {
  const std::size_t at = text.find(key);
  return at == std::string::npos ? 0 : std::stod(text.substr(at + key.size()));
}

}  // namespace

std::string to_text(const PipelineOutcome& outcome) {
  std::string text;
  if (outcome.resumed) text += fmt::format("went on with step {}\n\n", *outcome.resumed);
  if (outcome.steps.empty()) return text + "no step was left to do\n";
  const PipelineStep& last = outcome.steps.back();
  Table figures("lrl");
  figures.row({"loss", fmt::format("{:.6g}", last.loss),
               fmt::format("{:.6g} in the first step", outcome.steps.front().loss)});
  figures.row({"step", to_string(median_makespan(outcome)), "median"});
  if (outcome.simulated) {
    figures.row({"  simulated", to_string(outcome.simulated->makespan),
                 "with the seconds that its actions took"});
  }
  text += figures.text() + "\n";
  Table table("rrrrr");
  table.row({"rank", "planned", "measured", "busy", "bubble"});
  std::size_t number = 0;
  for (const PipelineTrace& replica : last.replicas) {
    for (const RankTrace& rank : replica.ranks) {
      table.row({std::to_string(number), fmt::format("{}", outcome.planned[number].count()),
                 fmt::format("{}", rank.peak.count()), to_string(rank.busy),
                 percent(bubble(last, rank))});
      ++number;
    }
  }
  return text + table.text();
}

nlohmann::ordered_json to_json(const PipelineOutcome& outcome) {
  nlohmann::ordered_json object;
  object["resumed_step"] = nullptr;
  if (outcome.resumed) object["resumed_step"] = *outcome.resumed;
  object["steps"] = nlohmann::ordered_json::array();
  for (const PipelineStep& step : outcome.steps) {
    object["steps"].push_back(
        {{"step", step.step}, {"loss", step.loss}, {"seconds", step.makespan.count()}});
  }
  object["gradients_digest"] = outcome.gradients;
  object["states_digest"] = outcome.states;
  object["makespan_seconds"] = nullptr;
  object["simulated_seconds"] = nullptr;
  if (!outcome.steps.empty()) object["makespan_seconds"] = median_makespan(outcome).count();
  if (outcome.simulated) object["simulated_seconds"] = outcome.simulated->makespan.count();
  object["ranks"] = nlohmann::ordered_json::array();
  for (std::size_t r = 0; r < outcome.planned.size(); ++r) {
    nlohmann::ordered_json rank = {{"planned_bytes", outcome.planned[r].count()}};
    if (!outcome.steps.empty()) {
      const PipelineStep& last = outcome.steps.back();
      const std::size_t ranks = last.replicas.front().ranks.size();
      const RankTrace& trace = last.replicas[r / ranks].ranks[r % ranks];
      rank["measured_bytes"] = trace.peak.count();
      rank["busy_seconds"] = trace.busy.count();
      rank["bubble_ratio"] = bubble(last, trace);
    }
    object["ranks"].push_back(std::move(rank));
  }
  return object;
}

std::string run_svg(const PipelineOutcome& outcome, const std::string& title) {
  std::vector<std::string> drawings;
  if (outcome.simulated) {
    drawings.push_back(
        pipeline_svg(*outcome.measured, *outcome.simulated, fmt::format("{}, simulated", title)));
  }
  if (!outcome.steps.empty()) {
    drawings.push_back(pipeline_svg(*outcome.measured, outcome.steps.back().replicas.front(),
                                    fmt::format("{}, measured", title)));
  }
  double width = 0, height = 0;
  std::string parts;
  for (const std::string& drawing : drawings) {
    std::string placed = drawing;
    placed.replace(placed.find("<svg "), 5, fmt::format("<svg y=\"{}\" ", height));
    parts += placed;
    width = std::max(width, number_after(drawing, "width=\""));
    height += number_after(drawing, " height=\"");
  }
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\">\n{2}</svg>\n",
      width, height, parts);
}

}  // namespace rockmate::cli
