// What does planning cuts, schedule and strategies together gain over what people do by hand?
//
//   pipeline_benchmark gpt2_medium.onnx gpt2_large.onnx --devices 2,4,8 --share 40,60,80
//
// Seconds per iteration, by the simulator. The memory of each device is a share of the peak of the
// plain pipeline, in which everything is kept on balanced cuts: GPipe's stages hold all
// micro-batches at once, those of 1F1B (`--plain 1f1b`) only as many as there are stages behind
// them. Every method chooses the best cuts for itself; the table is Markdown, "none" where nothing
// fits. The last columns are what blocks that are kept or run again as a whole come to, against the
// candidates of integer programs, and the lower bound of the schedule that was chosen.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>

#include "pipeline/chain_stage_costs.h"
#include "pipeline/coplan.h"
#include "pipeline/stage_candidates.h"
#include "rockmate/onnx.h"
#include "rockmate/training_model.h"

namespace rockmate {
namespace {

struct Flags {
  std::vector<std::string> models;
  std::vector<std::size_t> devices = {2, 4, 8};
  std::vector<int> shares = {40, 60, 80};
  std::string plain = "gpipe";  // whose peak the shares are of
  std::size_t micro_batches = 16;
  std::int64_t samples = 4;  // of a micro-batch
  double bytes_per_second = 12e9;
  std::string device = "a100";
  std::size_t max_blocks = PipelineOptions().max_blocks;
  std::size_t candidates = PipelineOptions().candidates;
  std::string cache;
};

enum class Policy : std::uint8_t { kKeepAll, kRecomputeBlocks, kRecomputeStage };

// One fixed strategy for every stage, whatever its memory; everything else as the graph has it.
class FixedCosts final : public StageCosts {
 public:
  FixedCosts(const StageModel& model, StageCosts& graph, Policy policy)
      : model_(model), graph_(graph), policy_(policy) {}

  std::size_t blocks() const override { return graph_.blocks(); }
  Seconds plain_forward(StageRange range) const override { return graph_.plain_forward(range); }
  Seconds plain_backward(StageRange range) const override { return graph_.plain_backward(range); }
  Bytes static_bytes(StageRange range) const override { return graph_.static_bytes(range); }
  Seconds update(StageRange range) const override { return graph_.update(range); }
  Bytes input_before(std::size_t s) const override { return graph_.input_before(s); }
  Bytes gradient_before(std::size_t s) const override { return graph_.gradient_before(s); }

  Seconds least_seconds(StageRange range, std::size_t, Bytes) const override {
    return plain_forward(range) + plain_backward(range);
  }

  std::optional<Seconds> estimate(const StageQuery& query) override {
    const StageStrategy x =
        strategies_of(model_.chain(), query.range, steps(query.range), query.weights).front();
    const Bytes each = x.saved + model_.chain().input_before(query.range.first);
    const Bytes transient = std::max(x.forward_peak, x.backward_peak) - x.saved +
                            model_.chain().blocks[query.range.last].gradient;
    const Bytes needed(each.count() * static_cast<std::int64_t>(query.in_flight) +
                       transient.count());
    if (needed > query.memory) return std::nullopt;
    return x.forward + x.backward();
  }
  std::vector<StageStrategy> strategies(const StageQuery& query) override {
    if (!estimate(query)) return {};
    return strategies_of(model_.chain(), query.range, steps(query.range), query.weights);
  }

 private:
  std::vector<StageStep> steps(StageRange range) const {
    std::vector<StageStep> steps = {{StageStepKind::kReceive, 0, 0, 0}};
    const auto add = [&](StageStepKind kind, std::size_t b) { steps.push_back({kind, 0, b, 0}); };
    const auto for_all = [&](StageStepKind kind) {
      for (std::size_t b = range.first; b <= range.last; ++b) {
        add(kind, b);
        const bool is_last = b == range.last;
        if (kind != StageStepKind::kPass) continue;
        if (policy_ == Policy::kRecomputeStage && b > range.first) add(StageStepKind::kDrop, b - 1);
        if (is_last) add(StageStepKind::kDrop, b);
      }
    };
    for_all(policy_ == Policy::kKeepAll ? StageStepKind::kSave : StageStepKind::kPass);
    add(StageStepKind::kReceiveGradient, 0);
    if (policy_ == Policy::kRecomputeStage) for_all(StageStepKind::kSave);
    for (std::size_t b = range.last + 1; b-- > range.first;) {
      if (policy_ == Policy::kRecomputeBlocks) {
        if (b < range.last) add(StageStepKind::kDrop, b);
        add(StageStepKind::kSave, b);
      }
      add(StageStepKind::kBackward, b);
    }
    return steps;
  }

  const StageModel& model_;
  StageCosts& graph_;
  Policy policy_;
};

class Row {
 public:
  Row(const TrainingGraph& graph, const Flags& flags, std::size_t devices)
      : flags_(flags),
        model_(graph, flags.max_blocks),
        rich_(graph, flags.max_blocks, candidates_of(graph, flags)),
        two_choices_(model_, flags.micro_batches, PipelineMethod::kGlobal, kTolerance),
        direct_(rich_, flags.micro_batches, PipelineMethod::kDirect, kTolerance),
        global_(rich_, flags.micro_batches, PipelineMethod::kGlobal, kTolerance) {
    cluster_.devices.resize(devices);
    cluster_.bytes_per_second = flags.bytes_per_second;
  }

  void print(const std::string& name) {
    const auto plain = fixed(Policy::kKeepAll, parse_pipeline_family(flags_.plain));
    Bytes peak;
    for (const RankTrace& rank : plain->trace.ranks) peak = std::max(peak, rank.peak);
    for (const int share : flags_.shares) {
      const Bytes memory(peak.count() / 100 * share);
      for (PipelineDevice& device : cluster_.devices) device.memory = memory;
      const std::vector<PipelineFamily> all = {PipelineFamily::kGPipe, kOneF,
                                               PipelineFamily::kInterleaved,
                                               PipelineFamily::kZeroBubbleH1};
      const auto before = coplan(two_choices_, flags_.micro_batches, cluster_, {all, false});
      const auto best = coplan(global_, flags_.micro_batches, cluster_, {all, false});
      fmt::print("| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", name,
                 cluster_.devices.size(), share, to_string(memory),
                 shown(fixed(Policy::kRecomputeStage, PipelineFamily::kGPipe)),
                 shown(fixed(Policy::kRecomputeBlocks, PipelineFamily::kGPipe)),
                 shown(coplan(direct_, flags_.micro_batches, cluster_, kGPipe)),
                 shown(coplan(global_, flags_.micro_batches, cluster_, kGPipe)),
                 shown(fixed(Policy::kRecomputeBlocks, kOneF)), shown(before), shown(best),
                 best ? to_string(best->family) : "",
                 best ? fmt::format("{:.1f}", 1e3 * bound_of(best->family).count()) : "");
      std::fflush(stdout);
    }
  }

 private:
  static constexpr double kTolerance = 0.005;
  static constexpr PipelineFamily kOneF = PipelineFamily::kOneForwardOneBackward;
  inline static const CoplanOptions kGPipe = {{PipelineFamily::kGPipe}, true};

  std::optional<PipelinePlan> fixed(Policy policy, PipelineFamily family) {
    FixedCosts costs(model_, two_choices_, policy);
    return coplan(costs, flags_.micro_batches, cluster_, {{family}, true, false});
  }
  [[nodiscard]] Seconds bound_of(PipelineFamily family) {
    const CostsOfDevices costs(cluster_.devices.size(), &global_);
    return makespan_bound(costs, flags_.micro_batches, cluster_, {family});
  }
  static std::vector<std::vector<Candidate>> candidates_of(const TrainingGraph& graph,
                                                           const Flags& flags) {
    std::optional<checkmate::CandidateCache> cache;
    if (!flags.cache.empty()) cache.emplace(flags.cache);
    checkmate::BlockOptions options;
    options.candidates = flags.candidates;
    options.cache = cache ? &*cache : nullptr;
    return stage_candidates(graph, cut_stage_blocks(graph, flags.max_blocks), options);
  }
  static std::string shown(const std::optional<PipelinePlan>& plan) {
    return plan ? fmt::format("{:.1f}", 1e3 * plan->trace.makespan.count()) : "none";
  }

  const Flags& flags_;
  StageModel model_, rich_;
  ChainStageCosts two_choices_, direct_, global_;
  Cluster cluster_;
};

void run_all(const Flags& flags) {
  fmt::print(
      "| model | devices | share, % | memory | GPipe, stage recomputed, ms | GPipe, blocks | "
      "GPipe, "
      "direct | GPipe, global | 1F1B, blocks | co-planned, two choices | co-planned | schedule | "
      "bound |\n"
      "|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const std::string& model : flags.models) {
    OnnxOptions import;
    import.batch = flags.samples;
    import.weights = false;
    TrainingOptions training;
    training.optimizer = OptimizerKind::kAdam;
    training.costs = CostModel::analytic(flags.device);
    const TrainingGraph graph = make_training_graph(import_onnx(model, import), training);
    const std::string name = std::filesystem::path(model).stem().string();
    for (const std::size_t devices : flags.devices) Row(graph, flags, devices).print(name);
  }
}

}  // namespace
}  // namespace rockmate

int main(int argc, char** argv) {
  rockmate::Flags flags;
  CLI::App app("Pipelines planned as a whole against what people do by hand");
  app.add_option("MODEL", flags.models, ".onnx models")->required();
  app.add_option("--devices", flags.devices, "numbers of devices")->delimiter(',');
  app.add_option("--share", flags.shares, "memory, % of the plain pipeline's peak")->delimiter(',');
  app.add_option("--plain", flags.plain, "the schedule of the plain pipeline: gpipe or 1f1b");
  app.add_option("--micro-batches", flags.micro_batches, "per iteration");
  app.add_option("--samples", flags.samples, "of a micro-batch");
  app.add_option("--bytes-per-second", flags.bytes_per_second, "of every link");
  app.add_option("--device", flags.device, "whose costs the models have");
  app.add_option("--candidates", flags.candidates, "of a part of a block, at most");
  app.add_option("--cache", flags.cache, "a folder for candidates");
  app.add_option("--max-blocks", flags.max_blocks, "to cut between");
  CLI11_PARSE(app, argc, argv);
  try {
    rockmate::run_all(flags);
  } catch (const std::exception& error) {
    fmt::print(stderr, "pipeline_benchmark: {}\n", error.what());
    return 2;
  }
  return 0;
}
