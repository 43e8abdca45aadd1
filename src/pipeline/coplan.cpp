// For each family of schedules, the dynamic program over cuts gives partitions with an estimate
// (`Drafter`). The best of each family are built in earnest: strategies per stage, rows, the
// simulator. The estimate is not exact (it ignores how unequal stages interleave), so the simulator
// alone decides; from the best ones, blocks are moved between stages, and neighbours on unequal
// devices swapped, as long as that helps.
//
// Messages can pile up where a neighbour is slower; where the simulator then finds a peak beyond
// the memory, the stage's share is cut by the excess and its strategies are chosen anew.
//
// A recomputation needs no gradient: it runs as an action of its own before the rank waits for one,
// which hides it in the bubble and is never slower.
//
// All this is a search, and luck has a part in it: with a little more memory it may end at a slower
// pipeline. So it is made again as for less memory, on a grid of shares, and the best of all stays.

#include "pipeline/coplan.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "pipeline/stage_drafts.h"

namespace rockmate {
namespace {

constexpr std::size_t kBuilt = 12;    // per family, by their estimate
constexpr std::size_t kImproved = 5;  // of those, by simulated time
// Moves for each of them, accepted or not: so many actions are simulated, within limits.
constexpr std::size_t kMovedActions = 300'000, kFewestMoves = 20, kMostMoves = 240;
constexpr int kShares = 8;  // how often a stage's share is cut
// Smaller memories that are planned for as well, and how many of them lie within a factor of two.
constexpr int kSmaller = 3;
constexpr double kGrid = 8;

using Shape = PipelineShape;
using Draft = PipelineDraft;

struct Built {
  Draft draft;
  Pipeline pipeline;
  PipelineTrace trace;
};

class CoPlanner {
 public:
  CoPlanner(const CostsOfDevices& costs, std::size_t micro_batches, const Cluster& cluster,
            const CoplanOptions& options)
      : costs_(costs),
        m_(micro_batches),
        cluster_(cluster),
        options_(options),
        drafter_(costs, micro_batches, cluster, options) {}

  std::optional<Built> run() {
    std::vector<Built> built;
    for (const PipelineFamily family : options_.families) append_built(family, built);
    const auto is_faster = [](const Built& x, const Built& y) {
      return x.trace.makespan < y.trace.makespan;
    };
    std::stable_sort(built.begin(), built.end(), is_faster);
    if (built.size() > kImproved) built.resize(kImproved);
    for (Built& each : built) improve(each);
    if (built.empty()) return std::nullopt;
    return *std::min_element(built.begin(), built.end(), is_faster);
  }

 private:
  // Estimates of one family tell little of another's.
  void append_built(PipelineFamily family, std::vector<Built>& built) {
    const std::size_t before = built.size();
    std::size_t tried = 0;
    for (const Draft& draft : drafter_.of(family)) {
      if (tried++ >= kBuilt && built.size() > before) break;
      if (auto one = build(draft)) built.push_back(*std::move(one));
    }
  }

  std::optional<Built> build(const Draft& draft) {
    const Shape& shape = *draft.shape;
    const auto& placed = draft.partition.stages;
    std::vector<StageQuery> queries;
    for (std::size_t s = 0; s < placed.size(); ++s)
      queries.push_back(drafter_.query(shape, s, placed[s]));
    for (int attempt = 0; attempt < kShares; ++attempt) {
      auto pipeline = assemble(shape, placed, queries);
      if (!pipeline) return std::nullopt;
      auto trace = simulate(*pipeline);
      if (!trace) throw InternalError("a planned pipeline breaks a rule: " + trace.error().message);
      if (!check_memory(*pipeline, *trace)) {
        return Built{draft, *std::move(pipeline), *std::move(trace)};
      }
      const auto chunks = static_cast<std::int64_t>(shape.stages / shape.ranks);
      for (std::size_t s = 0; s < placed.size(); ++s) {
        const std::size_t device = placed[s].device;
        const Bytes excess = trace->ranks[device].peak - cluster_.devices[device].memory;
        if (excess > Bytes()) queries[s].memory -= Bytes(excess.count() / chunks + 1);
      }
    }
    return std::nullopt;
  }

  std::optional<Pipeline> assemble(const Shape& shape, const std::vector<PlacedStage>& placed,
                                   const std::vector<StageQuery>& queries) {
    Pipeline pipeline;
    pipeline.cluster = cluster_;
    pipeline.micro_batches = m_;
    for (std::size_t s = 0; s < placed.size(); ++s) {
      const StageRange range = placed[s].range;
      PipelineStage stage;
      stage.rank = placed[s].device;
      StageCosts& costs = *costs_[stage.rank];
      stage.strategies = strategies(costs, queries[s]);
      if (stage.strategies.empty()) return std::nullopt;
      stage.static_bytes = costs.static_bytes(range);
      if (s > 0) {
        stage.input = costs.input_before(range.first);
        stage.input_gradient = costs.gradient_before(range.first);
      }
      stage.update = costs.update(range);
      stage.first_block = range.first;
      stage.last_block = range.last;
      pipeline.stages.push_back(std::move(stage));
    }
    pipeline.rows.resize(cluster_.devices.size());
    for (std::size_t r = 0; r < shape.ranks; ++r) {
      pipeline.rows[placed[r].device] = with_strategies(pipeline, shape.rows[r]);
    }
    return pipeline;
  }

  // Micro-batch k runs with strategy k mod their number, and its recomputation before it waits.
  [[nodiscard]] PipelineRow with_strategies(const Pipeline& pipeline,
                                            const PipelineRow& row) const {
    PipelineRow result;
    for (StageAction action : row) {
      const auto& all = pipeline.stages[action.stage].strategies;
      const std::size_t used = action.micro_batch % all.size();
      if (action.verb == StageVerb::kForward) action.strategy = static_cast<std::uint32_t>(used);
      const bool is_backward =
          action.verb == StageVerb::kBackward || action.verb == StageVerb::kInputGradient;
      if (is_backward && all[used].recompute > Seconds()) {
        result.push_back({StageVerb::kRecompute, action.stage, action.micro_batch, 0});
      }
      result.push_back(action);
    }
    return result;
  }

  const std::vector<StageStrategy>& strategies(StageCosts& costs, const StageQuery& asked) {
    const auto key = std::make_tuple(&costs, asked.range.first, asked.range.last, asked.in_flight,
                                     asked.memory.count(), asked.is_lifo,
                                     asked.weights == WeightGradients::kSplit);
    auto found = strategies_.find(key);
    if (found == strategies_.end()) {
      auto made = asked.memory > Bytes() ? costs.strategies(asked) : std::vector<StageStrategy>();
      found = strategies_.emplace(key, std::move(made)).first;
    }
    return found->second;
  }

  void improve(Built& best) {
    const std::size_t actions = best.draft.shape->stages * m_ * 2;
    const std::size_t most = std::clamp(kMovedActions / actions, kFewestMoves, kMostMoves);
    std::size_t moves = 0;
    for (bool improved = true; improved && moves < most;) {
      improved = false;
      for (const Partition& next : neighbours(best.draft.partition)) {
        if (++moves > most) break;
        auto built = build({best.draft.shape, next});
        if (!built || !(built->trace.makespan < best.trace.makespan)) continue;
        best = *std::move(built);
        improved = true;
        break;
      }
    }
  }

  // A block goes over from one stage to another, and all cuts between move along: near stages
  // first.
  [[nodiscard]] std::vector<Partition> neighbours(const Partition& partition) const {
    const std::size_t stages = partition.stages.size();
    std::vector<Partition> all;
    for (std::size_t s = 0; s + 1 < stages && stages <= cluster_.devices.size(); ++s) {
      Partition swapped = partition;
      std::size_t& left = swapped.stages[s].device;
      std::size_t& right = swapped.stages[s + 1].device;
      if (drafter_.kinds()[left] == drafter_.kinds()[right]) continue;
      std::swap(left, right);
      all.push_back(std::move(swapped));
    }
    for (std::size_t distance = 1; distance < stages; ++distance) {
      for (std::size_t s = 0; s + distance < stages; ++s) {
        const std::size_t t = s + distance;
        if (auto next = with_block_moved(partition, t, s)) all.push_back(*std::move(next));
        if (auto next = with_block_moved(partition, s, t)) all.push_back(*std::move(next));
      }
    }
    return all;
  }

  static std::optional<Partition> with_block_moved(Partition partition, std::size_t from,
                                                   std::size_t to) {
    const StageRange& giver = partition.stages[from].range;
    if (giver.first == giver.last) return std::nullopt;
    for (std::size_t s = std::min(from, to); s < std::max(from, to); ++s) {
      std::size_t& last = partition.stages[s].range.last;
      last = from > to ? last + 1 : last - 1;
      partition.stages[s + 1].range.first = last + 1;
    }
    return partition;
  }

  const CostsOfDevices& costs_;
  std::size_t m_;
  const Cluster& cluster_;
  const CoplanOptions& options_;
  Drafter drafter_;
  std::map<std::tuple<StageCosts*, std::size_t, std::size_t, std::size_t, std::int64_t, bool, bool>,
           std::vector<StageStrategy>>
      strategies_;
};

// Of the memory: all of it, and what lies below on a grid that does not depend on it.
std::vector<double> shares_of(const Cluster& cluster) {
  double memory = 0;
  for (const PipelineDevice& device : cluster.devices) {
    if (device.memory == PipelineDevice().memory) return {1};
    memory += static_cast<double>(device.memory.count());
  }
  std::vector<double> shares = {1};
  const double step = std::floor(std::log2(memory) * kGrid);
  for (int k = 0; k < kSmaller; ++k) shares.push_back(std::exp2((step - k) / kGrid) / memory);
  return shares;
}

bool recomputes(const Pipeline& pipeline, const CostsOfDevices& costs) {
  return std::any_of(pipeline.stages.begin(), pipeline.stages.end(), [&](const auto& stage) {
    const StageRange range = {stage.first_block, stage.last_block};
    const StageCosts& own = *costs[stage.rank];
    const Seconds plain = own.plain_forward(range) + own.plain_backward(range);
    return std::any_of(stage.strategies.begin(), stage.strategies.end(), [&](const auto& x) {
      return (x.forward + x.backward()).count() > plain.count() * (1 + 1e-9);
    });
  });
}

}  // namespace

std::optional<PipelinePlan> coplan(StageCosts& costs, std::size_t micro_batches,
                                   const Cluster& cluster, const CoplanOptions& options) {
  return coplan(CostsOfDevices(cluster.devices.size(), &costs), micro_batches, cluster, options);
}

std::optional<PipelinePlan> coplan(const CostsOfDevices& costs, std::size_t micro_batches,
                                   const Cluster& cluster, const CoplanOptions& options) {
  std::optional<Built> best;
  const auto shares = options.tries_smaller ? shares_of(cluster) : std::vector<double>{1};
  for (const double share : shares) {
    Cluster part = cluster;
    for (PipelineDevice& device : part.devices) {
      if (share == 1) break;  // to the byte
      device.memory = Bytes(std::llround(static_cast<double>(device.memory.count()) * share));
    }
    auto built = CoPlanner(costs, micro_batches, part, options).run();
    if (!built) continue;
    if (!best || built->trace.makespan < best->trace.makespan) best = std::move(built);
    if (!recomputes(best->pipeline, costs)) break;
  }
  if (!best) return std::nullopt;
  PipelinePlan plan;
  plan.pipeline = std::move(best->pipeline);
  plan.pipeline.cluster = cluster;
  plan.trace = std::move(best->trace);
  plan.family = best->draft.shape->family;
  return plan;
}

}  // namespace rockmate
