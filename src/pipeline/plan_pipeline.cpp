#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <map>
#include <ostream>

#include "pipeline/chain_stage_costs.h"
#include "pipeline/coplan.h"
#include "pipeline/stage_candidates.h"

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

void check_sizes(std::size_t blocks, std::size_t micro_batches, const Cluster& cluster,
                 const PipelineOptions& options) {
  const std::size_t devices = cluster.devices.size();
  if (micro_batches == 0) throw InvalidInput("found 0 micro-batches, expected at least 1");
  if (blocks < devices) {
    throw InvalidInput(fmt::format(
        "found {} devices, but the network falls into {} blocks, and a stage has at least one; use "
        "fewer devices",
        devices, blocks));
  }
  if (options.family == PipelineFamily::kInterleaved) {
    if (micro_batches % devices != 0) {
      throw InvalidInput(fmt::format(
          "interleaved: found {} micro-batches on {} devices, expected a multiple of the devices",
          micro_batches, devices));
    }
    if (blocks < 2 * devices) {
      throw InvalidInput(
          fmt::format("interleaved: found {} devices, but the network falls into {} blocks, and "
                      "each device has "
                      "at least two stages; use fewer devices",
                      devices, blocks));
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

void check_engines(const Cluster& cluster) {
  for (const PipelineDevice& device : cluster.devices) {
    if (device.engine.empty()) continue;
    throw InvalidInput(
        fmt::format("a device has engine '{}', but the graph is of one engine alone; plan from a "
                    "model, of which each engine makes its own",
                    device.engine));
  }
}

// Plans for one number of micro-batches: first with blocks that are kept or run again as a whole,
// which takes a moment; then with candidates, where more memory would make it faster. Each engine
// has costs and candidates of its own, of blocks that are cut where those of no engine are.
class Planning {
 public:
  Planning(const GraphOfEngine& graph_of, std::size_t micro_batches, const Cluster& cluster,
           const PipelineOptions& options)
      : m_(micro_batches), cluster_(&cluster), options_(&options) {
    coplan_.families = families_of(options);
    coplan_.uses_all_devices = options.method != PipelineMethod::kCoplan;
    const auto& usual = graphs_.emplace("", graph_of("", m_)).first->second;
    chain_ = cut_stage_blocks(usual, options.max_blocks);
    check_sizes(chain_.blocks.size(), m_, cluster, options);
    for (const PipelineDevice& device : cluster.devices) {
      if (graphs_.contains(device.engine)) continue;
      graphs_.emplace(device.engine, graph_of(device.engine, m_));
    }
  }

  void with_two_choices() {
    const Stopwatch watch(spent_);
    const EngineCosts costs = costs_of([](const TrainingGraph&) { return Candidates(); });
    fixed_ = PipelineDevice().memory;
    for (const StageCosts* each : costs.of_device) {
      fixed_ = std::min(fixed_, each->static_bytes({0, each->blocks() - 1}));
    }
    best_ = coplan(costs.of_device, m_, *cluster_, coplan_);
    Cluster without_limits = *cluster_;
    for (PipelineDevice& device : without_limits.devices) device.memory = PipelineDevice().memory;
    const auto ideal = coplan(costs.of_device, m_, without_limits, coplan_);
    if (ideal) ideal_ = ideal->trace.makespan;
    bound_ =
        makespan_bound(costs.of_device, m_, options_->candidates > 0 ? without_limits : *cluster_,
                       coplan_.families);
  }

  [[nodiscard]] bool may_gain() const {
    return options_->candidates > 0 && fixed_ <= memory_of(*cluster_) && ideal_ < makespan() &&
           !options_->stop.stop_requested();
  }

  void with_candidates() {
    const Stopwatch watch(spent_);
    std::optional<checkmate::CandidateCache> cache;
    if (options_->cache) cache.emplace(*options_->cache);
    checkmate::BlockOptions blocks;
    blocks.candidates = options_->candidates;
    blocks.solver = options_->solver;
    blocks.cache = cache ? &*cache : nullptr;
    blocks.threads = options_->threads;
    blocks.stop = options_->stop;
    if (options_->progress) {
      blocks.progress = [this](const checkmate::BlockProgress& now) {
        options_->progress(fmt::format("{} micro-batches: block {} of {}, ILP {} of {}", m_,
                                       now.block, now.blocks, now.pair, now.pairs));
      };
    }
    const EngineCosts costs = costs_of(
        [&](const TrainingGraph& graph) { return stage_candidates(graph, chain_, blocks); });
    bound_ = std::max(bound_, makespan_bound(costs.of_device, m_, *cluster_, coplan_.families));
    auto found = coplan(costs.of_device, m_, *cluster_, coplan_);
    if (found && found->trace.makespan < makespan()) best_ = std::move(found);
  }

  /// Infinite: nothing was found.
  [[nodiscard]] Seconds makespan() const {
    return best_ ? best_->trace.makespan : Seconds(std::numeric_limits<double>::infinity());
  }
  [[nodiscard]] Seconds bound() const { return bound_; }
  [[nodiscard]] Seconds spent() const { return spent_; }

  [[nodiscard]] Expected<PipelinePlan, NoPipeline> finish() && {
    const Bytes memory = memory_of(*cluster_);
    if (!best_) {
      return Unexpected{NoPipeline{fixed_ > memory
                                       ? "parameters, their gradients, optimizer states and inputs "
                                         "alone do not fit into the devices"
                                       : "no pipeline was found that fits into the devices",
                                   fixed_, memory}};
    }
    best_->lower_bound = bound_;
    best_->planning_seconds = spent_;
    return *std::move(best_);
  }

 private:
  using Candidates = std::vector<std::vector<Candidate>>;  // by block

  // A solved chain for each engine; devices point to theirs.
  struct EngineCosts {
    std::map<std::string, ChainStageCosts> of_engine;
    CostsOfDevices of_device;
  };

  // Adds the seconds of its life.
  class Stopwatch {
   public:
    explicit Stopwatch(Seconds& sum) : sum_(sum) {}
    ~Stopwatch() {
      const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start_;
      sum_ += Seconds(spent.count());
    }
    Stopwatch(const Stopwatch&) = delete;
    Stopwatch& operator=(const Stopwatch&) = delete;

   private:
    Seconds& sum_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  };

  [[nodiscard]] EngineCosts costs_of(
      const std::function<Candidates(const TrainingGraph&)>& candidates_of) const {
    EngineCosts costs;
    for (const PipelineDevice& device : cluster_->devices) {
      auto found = costs.of_engine.find(device.engine);
      if (found == costs.of_engine.end()) {
        const TrainingGraph& graph = graphs_.at(device.engine);
        found = costs.of_engine
                    .try_emplace(device.engine, StageModel(graph, chain_, candidates_of(graph)), m_,
                                 options_->method, kTolerance)
                    .first;
      }
      costs.of_device.push_back(&found->second);
    }
    return costs;
  }

  std::map<std::string, TrainingGraph> graphs_;  // by engine
  Chain chain_;                                  // of all of them
  std::size_t m_;
  const Cluster* cluster_;
  const PipelineOptions* options_;
  CoplanOptions coplan_;
  Bytes fixed_;
  Seconds ideal_, bound_, spent_;
  std::optional<PipelinePlan> best_;
};

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

Expected<PipelinePlan, NoPipeline> plan_pipeline(const TrainingGraph& micro_batch,
                                                 std::size_t micro_batches, const Cluster& cluster,
                                                 const PipelineOptions& options) {
  check_cluster(cluster, "the cluster");
  check_engines(cluster);
  Planning planning([&](const std::string&, std::size_t) { return micro_batch; }, micro_batches,
                    cluster, options);
  planning.with_two_choices();
  if (planning.may_gain()) planning.with_candidates();
  return std::move(planning).finish();
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
  check_cluster(cluster, "the cluster");
  std::vector<Planning> all;
  for (const std::size_t m : micro_batches) {
    // Some families want multiples of the devices.
    const bool fits =
        options.family != PipelineFamily::kInterleaved || m % cluster.devices.size() == 0;
    if (!fits && micro_batches.size() > 1) continue;
    all.emplace_back(graph_of, m, cluster, options).with_two_choices();
  }
  if (all.empty()) {
    throw InvalidInput(
        fmt::format("none of the {} numbers of micro-batches is a multiple of the {} "
                    "devices, as the schedule {} needs it",
                    micro_batches.size(), cluster.devices.size(), to_string(*options.family)));
  }
  // The best first: the bounds of others may lie above what it comes to.
  const auto is_better = [](const Planning& x, const Planning& y) {
    return x.makespan() < y.makespan();
  };
  std::stable_sort(all.begin(), all.end(), is_better);
  Seconds best = all.front().makespan();
  Seconds bound = best, spent;
  for (Planning& each : all) {
    if (each.may_gain() && each.bound() < best) each.with_candidates();
    best = std::min(best, each.makespan());
    bound = std::min(bound, each.bound());
    spent += each.spent();
  }
  auto found = std::move(*std::min_element(all.begin(), all.end(), is_better)).finish();
  if (found) {
    found->lower_bound = bound;
    found->planning_seconds = spent;
  }
  return found;
}

std::ostream& operator<<(std::ostream& out, const NoPipeline& no_pipeline) {
  return out << no_pipeline.reason << ": " << no_pipeline.static_bytes << " ("
             << no_pipeline.static_bytes.count()
             << " bytes) of the network are there all the time, "
             << "the devices have " << no_pipeline.memory;
}

}  // namespace rockmate
