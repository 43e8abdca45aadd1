// What ranks have measured, brought together.

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "pipeline/run/exchange.h"
#include "rockmate/pipeline_run.h"

namespace rockmate {
namespace {

using nlohmann::json;

std::string to_text(const RankStep& step) {
  json actions = json::array();
  for (const TimedAction& timed : step.actions) {
    const StageAction& a = timed.action;
    actions.push_back({static_cast<int>(a.verb), a.stage, a.micro_batch, a.strategy,
                       timed.start.count(), timed.end.count()});
  }
  return json{{"loss", step.loss},
              {"makespan", step.makespan.count()},
              {"update", step.update.count()},
              {"measured", step.measured.count()},
              {"actions", std::move(actions)}}
      .dump();
}

RankTrace trace_of(const json& report) {
  RankTrace rank;
  for (const json& a : report["actions"]) {
    const StageAction action{static_cast<StageVerb>(a[0].get<int>()), a[1], a[2], a[3]};
    rank.actions.push_back({action, Seconds(a[4].get<double>()), Seconds(a[5].get<double>())});
    rank.busy += rank.actions.back().end - rank.actions.back().start;
  }
  rank.busy += Seconds(report["update"].get<double>());
  rank.peak = Bytes(report["measured"].get<std::int64_t>());
  return rank;
}

Seconds median(std::vector<double>& times) {
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return Seconds(*middle);
}

}  // namespace

std::optional<PipelineStep> gather_step(Transport& transport, std::size_t ranks,
                                        const RankStep& step, Seconds deadline) {
  const std::vector<std::string> texts =
      gather(transport, to_text(step), deadline, "the report of a step");
  if (texts.empty()) return std::nullopt;
  PipelineStep all;
  all.step = step.step;
  all.replicas.resize(texts.size() / ranks);
  for (std::size_t r = 0; r < texts.size(); ++r) {
    const json report = json::parse(texts[r]);
    PipelineTrace& trace = all.replicas[r / ranks];
    trace.ranks.push_back(trace_of(report));
    trace.makespan = std::max(trace.makespan, Seconds(report["makespan"].get<double>()));
    all.makespan = std::max(all.makespan, trace.makespan);
    all.loss += report["loss"].get<double>();
    if (r < ranks) all.updates.emplace_back(report["update"].get<double>());
  }
  return all;
}

Pipeline with_measured_seconds(const Pipeline& pipeline, const std::vector<PipelineStep>& steps) {
  ROCKMATE_CHECK(!steps.empty());
  // By stage, strategy, verb.
  std::map<std::tuple<std::size_t, std::size_t, StageVerb>, std::vector<double>> times;
  std::vector<std::vector<double>> updates(pipeline.rows.size());
  for (const PipelineStep& step : steps) {
    const PipelineTrace& trace = step.replicas.front();
    for (std::size_t r = 0; r < trace.ranks.size(); ++r) {
      const double speed = pipeline.cluster.devices[r].speed;
      std::map<std::pair<std::size_t, std::size_t>, std::size_t> strategies;
      for (const TimedAction& timed : trace.ranks[r].actions) {
        const StageAction& a = timed.action;
        std::size_t& strategy = strategies[{a.stage, a.micro_batch}];
        if (a.verb == StageVerb::kForward) strategy = a.strategy;
        times[{a.stage, strategy, a.verb}].push_back((timed.end - timed.start).count() * speed);
      }
      updates[r].push_back(step.updates[r].count() * speed);
    }
  }
  Pipeline measured = pipeline;
  for (std::size_t s = 0; s < measured.stages.size(); ++s) {
    PipelineStage& stage = measured.stages[s];
    for (std::size_t x = 0; x < stage.strategies.size(); ++x) {
      StageStrategy& strategy = stage.strategies[x];
      const auto set = [&, s = s, x = x](StageVerb verb, Seconds& seconds) {
        const auto found = times.find({s, x, verb});
        if (found == times.end()) return false;
        seconds = median(found->second);
        return true;
      };
      // A backward that is not split counts whole, with what it recomputes by itself.
      set(StageVerb::kForward, strategy.forward);
      if (!set(StageVerb::kRecompute, strategy.recompute)) strategy.recompute = Seconds();
      if (set(StageVerb::kBackward, strategy.input_gradient)) strategy.weight_gradient = Seconds();
      set(StageVerb::kInputGradient, strategy.input_gradient);
      if (times.contains({s, x, StageVerb::kInputGradient}) &&
          !set(StageVerb::kWeightGradient, strategy.weight_gradient)) {
        strategy.weight_gradient = Seconds();
      }
    }
    // Updates are measured by rank: they count with its first stage.
    stage.update = updates[stage.rank].empty() ? Seconds() : median(updates[stage.rank]);
    updates[stage.rank].clear();
  }
  return measured;
}

}  // namespace rockmate
