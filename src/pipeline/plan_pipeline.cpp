#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <ostream>

#include "pipeline/chain_stage_costs.h"
#include "pipeline/coplan.h"

namespace rockmate {
namespace {

// The share of recomputed seconds by which states of the recursion are thinned.
constexpr double kTolerance = 0.005;

struct MethodName {
  PipelineMethod method;
  std::string_view word;
};
constexpr std::array kMethods = {MethodName{PipelineMethod::kDirect, "direct"},
                                 MethodName{PipelineMethod::kGlobal, "global"},
                                 MethodName{PipelineMethod::kCoplan, "coplan"}};

std::vector<PipelineFamily> families_of(const PipelineOptions& options) {
  if (options.method != PipelineMethod::kCoplan) {
    if (options.family.value_or(PipelineFamily::kGPipe) != PipelineFamily::kGPipe) {
      throw InvalidInput(
          fmt::format("method {} is for the schedule gpipe, found {}; method coplan takes any",
                      to_string(options.method), to_string(*options.family)));
    }
    return {PipelineFamily::kGPipe};
  }
  if (options.family) return {*options.family};
  return {PipelineFamily::kGPipe, PipelineFamily::kOneForwardOneBackward,
          PipelineFamily::kInterleaved, PipelineFamily::kZeroBubbleH1};
}

void check_sizes(const StageModel& model, std::size_t micro_batches, const Cluster& cluster,
                 const PipelineOptions& options) {
  const std::size_t devices = cluster.devices.size();
  if (micro_batches == 0) throw InvalidInput("found 0 micro-batches, expected at least 1");
  if (model.size() < devices) {
    throw InvalidInput(fmt::format(
        "found {} devices, but the network falls into {} blocks, and a stage has at least one; use "
        "fewer devices",
        devices, model.size()));
  }
  if (options.family == PipelineFamily::kInterleaved) {
    if (micro_batches % devices != 0) {
      throw InvalidInput(fmt::format(
          "interleaved: found {} micro-batches on {} devices, expected a multiple of the devices",
          micro_batches, devices));
    }
    if (model.size() < 2 * devices) {
      throw InvalidInput(
          fmt::format("interleaved: found {} devices, but the network falls into {} blocks, and "
                      "each device has "
                      "at least two stages; use fewer devices",
                      devices, model.size()));
    }
  }
}

Bytes memory_of(const Cluster& cluster) {
  // Without a limit, as much as a number holds.
  Bytes sum;
  for (const PipelineDevice& device : cluster.devices) {
    if (device.memory > PipelineDevice().memory - sum) return PipelineDevice().memory;
    sum += device.memory;
  }
  return sum;
}

}  // namespace

std::string_view to_string(PipelineMethod method) {
  return std::find_if(kMethods.begin(), kMethods.end(),
                      [&](const MethodName& m) { return m.method == method; })
      ->word;
}

PipelineMethod parse_pipeline_method(std::string_view word) {
  std::string known;
  for (const MethodName& m : kMethods) {
    if (m.word == word) return m.method;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", m.word);
  }
  throw InvalidInput(fmt::format("method '{}' is unknown, expected one of {}", word, known));
}

namespace {

// A solved chain for each engine; devices point to theirs.
struct EngineCosts {
  std::map<std::string, ChainStageCosts> of_engine;
  CostsOfDevices of_device;
};

Expected<PipelinePlan, NoPipeline> plan_for(const GraphOfEngine& graph_of,
                                            std::size_t micro_batches, const Cluster& cluster,
                                            const PipelineOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  check_cluster(cluster, "the cluster");
  CoplanOptions coplan_options;
  coplan_options.families = families_of(options);
  coplan_options.uses_all_devices = options.method != PipelineMethod::kCoplan;
  const StageModel model(graph_of("", micro_batches), options.max_blocks);
  check_sizes(model, micro_batches, cluster, options);
  EngineCosts costs;
  for (const PipelineDevice& device : cluster.devices) {
    auto found = costs.of_engine.find(device.engine);
    if (found == costs.of_engine.end()) {
      StageModel own =
          device.engine.empty() ? model : StageModel(graph_of(device.engine, micro_batches), model);
      found =
          costs.of_engine
              .try_emplace(device.engine, std::move(own), micro_batches, options.method, kTolerance)
              .first;
    }
    costs.of_device.push_back(&found->second);
  }
  auto plan = coplan(costs.of_device, micro_batches, cluster, coplan_options);
  if (!plan) {
    const Bytes fixed = model.fixed({0, model.size() - 1}).all(micro_batches);
    const Bytes memory = memory_of(cluster);
    return Unexpected{NoPipeline{fixed > memory
                                     ? "parameters, their gradients, optimizer states and inputs "
                                       "alone do not fit into the devices"
                                     : "no pipeline was found that fits into the devices",
                                 fixed, memory}};
  }
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  plan->planning_seconds = Seconds(spent.count());
  return *std::move(plan);
}

void check_engines(const Cluster& cluster) {
  for (const PipelineDevice& device : cluster.devices) {
    if (device.engine.empty()) continue;
    throw InvalidInput(
        fmt::format("a device has engine '{}', but the graph is of one engine alone; plan from a "
                    "model, of which each engine makes its own",
                    device.engine));
  }
}

}  // namespace

Expected<PipelinePlan, NoPipeline> plan_pipeline(const TrainingGraph& micro_batch,
                                                 std::size_t micro_batches, const Cluster& cluster,
                                                 const PipelineOptions& options) {
  check_engines(cluster);
  return plan_for([&](const std::string&, std::size_t) { return micro_batch; }, micro_batches,
                  cluster, options);
}

Expected<PipelinePlan, NoPipeline> plan_pipeline(const GraphOfMicroBatches& graph_of,
                                                 const std::vector<std::size_t>& micro_batches,
                                                 const Cluster& cluster,
                                                 const PipelineOptions& options) {
  check_engines(cluster);
  return plan_pipeline([&](const std::string&, std::size_t m) { return graph_of(m); },
                       micro_batches, cluster, options);
}

Expected<PipelinePlan, NoPipeline> plan_pipeline(const GraphOfEngine& graph_of,
                                                 const std::vector<std::size_t>& micro_batches,
                                                 const Cluster& cluster,
                                                 const PipelineOptions& options) {
  if (micro_batches.empty()) throw InvalidInput("found no number of micro-batches to choose from");
  std::optional<Expected<PipelinePlan, NoPipeline>> best;
  std::optional<Seconds> bound;
  Seconds spent;
  for (const std::size_t m : micro_batches) {
    // Some families want multiples of the devices.
    const bool fits = options.family != PipelineFamily::kInterleaved ||
                      m % std::max<std::size_t>(cluster.devices.size(), 1) == 0;
    if (!fits && micro_batches.size() > 1) continue;
    auto next = plan_for(graph_of, m, cluster, options);
    if (next) {
      bound = std::min(bound.value_or(next->lower_bound), next->lower_bound);
      spent += next->planning_seconds;
    }
    const bool is_better = !best || (next && !*best) ||
                           (next && *best && next->trace.makespan < best->value().trace.makespan);
    if (is_better) best = std::move(next);
  }
  if (!best) {
    throw InvalidInput(
        fmt::format("none of the {} numbers of micro-batches is a multiple of the {} "
                    "devices, as the schedule {} needs it",
                    micro_batches.size(), cluster.devices.size(), to_string(*options.family)));
  }
  if (*best) {
    best->value().lower_bound = *bound;
    best->value().planning_seconds = spent;
  }
  return *std::move(best);
}

std::ostream& operator<<(std::ostream& out, const NoPipeline& no_pipeline) {
  return out << no_pipeline.reason << ": " << no_pipeline.static_bytes << " ("
             << no_pipeline.static_bytes.count()
             << " bytes) of the network are there all the time, "
             << "the devices have " << no_pipeline.memory;
}

}  // namespace rockmate
