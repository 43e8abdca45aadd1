#include "cli/pipeline_report.h"

#include <fmt/format.h>

#include <set>
#include <sstream>

#include "cli/table.h"

namespace rockmate::cli {
namespace {

// What one stage does in the whole iteration, at its device's speed.
struct StageSums {
  Seconds busy, recomputed;
  std::set<std::uint32_t> strategies;
};

std::vector<StageSums> sums_of(const PipelineReport& report) {
  std::vector<StageSums> sums(report.pipeline.stages.size());
  for (std::size_t r = 0; r < report.trace.ranks.size(); ++r) {
    const double speed = report.pipeline.cluster.devices[r].speed;
    for (const TimedAction& timed : report.trace.ranks[r].actions) {
      const StageAction& a = timed.action;
      StageSums& stage = sums[a.stage];
      stage.busy += timed.end - timed.start;
      if (a.verb != StageVerb::kForward) continue;
      const auto& strategy = report.pipeline.stages[a.stage].strategies[a.strategy];
      stage.recomputed += Seconds(strategy.recompute.count() / speed);
      stage.strategies.insert(a.strategy);
    }
  }
  return sums;
}

std::string device_name(const Pipeline& pipeline, std::size_t rank) {
  const std::string& name = pipeline.cluster.devices[rank].name;
  return name.empty() ? fmt::format("{}", rank) : fmt::format("{} {}", rank, name);
}

}  // namespace

std::string to_text(const PipelineReport& report) {
  const Pipeline& pipeline = report.pipeline;
  std::string text = fmt::format(
      "{}: {} stages on {} devices, {} micro-batches{}\n\n", report.name, pipeline.stages.size(),
      pipeline.cluster.devices.size(), pipeline.micro_batches,
      report.plan != nullptr ? fmt::format(", {}", to_string(report.plan->family)) : std::string());
  Table figures("lrl");
  const double makespan = report.trace.makespan.count();
  figures.row({"time", to_string(report.trace.makespan), "per iteration"});
  if (report.plan != nullptr && makespan > 0) {
    const double bound = report.plan->lower_bound.count();
    figures.row({"  at least", to_string(report.plan->lower_bound),
                 bound > 0 ? fmt::format("the gap is {}", percent(makespan / bound - 1)) : ""});
  }
  figures.row({"bubbles", percent(report.trace.bubble_ratio()), "of the devices' time"});
  if (report.plan != nullptr) {
    figures.row({"planned in", to_string(report.plan->planning_seconds)});
  }
  text += figures.text() + "\n";

  Table stages("llrrrrr");
  stages.row({"device", "blocks", "peak", "of", "busy", "recomputes", "strategies"});
  const std::vector<StageSums> sums = sums_of(report);
  for (std::size_t s = 0; s < pipeline.stages.size(); ++s) {
    const PipelineStage& stage = pipeline.stages[s];
    const PipelineDevice& device = pipeline.cluster.devices[stage.rank];
    const bool is_limited = device.memory < PipelineDevice().memory;
    stages.row(
        {device_name(pipeline, stage.rank),
         fmt::format("{} .. {}", stage.first_block, stage.last_block),
         to_string(report.trace.ranks[stage.rank].peak), is_limited ? to_string(device.memory) : "",
         makespan > 0 ? percent(sums[s].busy.count() / makespan) : "",
         sums[s].busy > Seconds() ? percent(sums[s].recomputed.count() / sums[s].busy.count()) : "",
         std::to_string(sums[s].strategies.size())});
  }
  return text + stages.text();
}

nlohmann::ordered_json to_json(const PipelineReport& report) {
  nlohmann::ordered_json object = {{"makespan_seconds", report.trace.makespan.count()}};
  object["lower_bound_seconds"] = nullptr;
  if (report.plan != nullptr) {
    object["lower_bound_seconds"] = report.plan->lower_bound.count();
    object["schedule"] = to_string(report.plan->family);
    object["planning_seconds"] = report.plan->planning_seconds.count();
  }
  object["micro_batches"] = report.pipeline.micro_batches;
  object["bubble_ratio"] = report.trace.bubble_ratio();
  nlohmann::ordered_json stages = nlohmann::ordered_json::array();
  const std::vector<StageSums> sums = sums_of(report);
  for (std::size_t s = 0; s < report.pipeline.stages.size(); ++s) {
    const PipelineStage& stage = report.pipeline.stages[s];
    const PipelineDevice& device = report.pipeline.cluster.devices[stage.rank];
    nlohmann::ordered_json budget = nullptr;
    if (device.memory < PipelineDevice().memory) budget = device.memory.count();
    stages.push_back({{"device", stage.rank},
                      {"first_block", stage.first_block},
                      {"last_block", stage.last_block},
                      {"peak_bytes", report.trace.ranks[stage.rank].peak.count()},
                      {"budget_bytes", budget},
                      {"static_bytes", stage.static_bytes.count()},
                      {"busy_seconds", sums[s].busy.count()},
                      {"recomputed_seconds", sums[s].recomputed.count()},
                      {"strategies", sums[s].strategies.size()}});
  }
  object["stages"] = std::move(stages);
  return object;
}

std::string to_text(const NoPipeline& no_pipeline) {
  std::ostringstream text;
  text << no_pipeline << "\n";
  return text.str();
}

nlohmann::ordered_json to_json(const NoPipeline& no_pipeline) {
  return {{"reason", no_pipeline.reason},
          {"static_bytes", no_pipeline.static_bytes.count()},
          {"memory_bytes", no_pipeline.memory.count()}};
}

}  // namespace rockmate::cli
