// For each family of schedules and each number of stages, the dynamic program over cuts gives a few
// partitions with an estimate. The best of each family are built in earnest: strategies per stage,
// rows, the simulator. The estimate is not exact (it ignores how unequal stages interleave), so the
// simulator alone decides; from the best ones, cuts are moved by one block and neighbours on
// unequal devices swapped as long as that helps.
//
// What a stage may use is its device's memory without what it holds all the time and without
// message buffers: one input and one gradient that are received ahead, one of each that is on its
// way out. Messages can pile up where a neighbour is slower; where the simulator then finds a peak
// beyond the memory, the stage's share is cut by the excess and its strategies are chosen anew.
//
// A recomputation needs no gradient: it runs as an action of its own before the rank waits for one,
// which hides it in the bubble and is never slower.

#include "pipeline/coplan.h"

#include <algorithm>
#include <map>
#include <memory>
#include <tuple>

#include "pipeline/partition.h"

namespace rockmate {
namespace {

constexpr std::size_t kPartitions = 6;        // per family and number of stages
constexpr std::size_t kBuilt = 12;            // per family, by their estimate
constexpr std::size_t kImproved = 5;          // of those, by simulated time
constexpr int kMoves = 40;                    // accepted or not, for each of them
constexpr int kShares = 8;                    // how often a stage's share is cut
constexpr std::size_t kMostIdle = 16;         // devices, beyond which none is left idle
constexpr std::size_t kChunks[] = {2, 3, 4};  // stages per device, interleaved

// A family with its number of stages, and what follows from that.
struct Shape {
  PipelineFamily family = PipelineFamily::kGPipe;
  std::size_t ranks = 0, stages = 0;
  std::vector<PipelineRow> rows;
  std::vector<std::size_t> in_flight;
};

struct Draft {
  std::shared_ptr<const Shape> shape;
  Partition partition;
};

struct Built {
  Draft draft;
  Pipeline pipeline;
  PipelineTrace trace;
};

class CoPlanner {
 public:
  CoPlanner(const CostsOfDevices& costs, std::size_t micro_batches, const Cluster& cluster,
            const CoplanOptions& options)
      : by_device_(costs),
        costs_(*costs.front()),
        m_(micro_batches),
        cluster_(cluster),
        options_(options) {
    find_kinds();
  }

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
  // Devices that may stand in for each other: all figures equal, and no links of their own.
  void find_kinds() {
    const auto& devices = cluster_.devices;
    for (std::size_t d = 0; d < devices.size(); ++d) {
      std::size_t kind = kind_count_;
      for (std::size_t e = 0; e < d && cluster_.links.empty(); ++e) {
        if (devices[e].memory == devices[d].memory && devices[e].speed == devices[d].speed &&
            by_device_[e] == by_device_[d]) {
          kind = kinds_[e];
          break;
        }
      }
      if (kind == kind_count_) ++kind_count_;
      kinds_.push_back(kind);
    }
  }

  // Estimates of one family tell little of another's.
  void append_built(PipelineFamily family, std::vector<Built>& built) {
    std::vector<Draft> drafts;
    append_drafts(family, drafts);
    std::stable_sort(drafts.begin(), drafts.end(), [](const Draft& x, const Draft& y) {
      return x.partition.estimate < y.partition.estimate;
    });
    const std::size_t before = built.size();
    std::size_t tried = 0;
    for (const Draft& draft : drafts) {
      if (tried++ >= kBuilt && built.size() > before) break;
      if (auto one = build(draft)) built.push_back(*std::move(one));
    }
  }

  void append_drafts(PipelineFamily family, std::vector<Draft>& drafts) {
    const std::size_t devices = cluster_.devices.size();
    if (family == PipelineFamily::kInterleaved) {
      if (m_ % devices != 0) return;
      for (const std::size_t chunks : kChunks) append_drafts(family, devices, chunks, drafts);
      return;
    }
    const bool may_idle = !options_.uses_all_devices && devices <= kMostIdle;
    for (std::size_t ranks = may_idle ? 1 : devices; ranks <= devices; ++ranks) {
      append_drafts(family, ranks, 1, drafts);
    }
  }

  void append_drafts(PipelineFamily family, std::size_t ranks, std::size_t chunks,
                     std::vector<Draft>& drafts) {
    if (ranks * chunks > costs_.blocks()) return;
    auto shape = std::make_shared<Shape>();
    shape->family = family;
    shape->ranks = ranks;
    shape->stages = ranks * chunks;
    shape->rows = pipeline_rows(family, ranks, shape->stages, m_);
    shape->in_flight = micro_batches_in_flight(shape->rows, shape->stages);

    PartitionProblem problem;
    problem.blocks = costs_.blocks();
    problem.stages = shape->stages;
    // A device does all its chunks for each micro-batch.
    problem.micro_batches = (m_ - 1) * chunks + 1;
    problem.kinds = kinds_;
    problem.fixed_order = chunks > 1;
    problem.seconds = [&](std::size_t stage, StageRange range, std::size_t device) {
      return estimate(*shape, stage, range, device);
    };
    problem.transfer = [&](std::size_t s) { return transfer(s); };
    for (Partition& partition : best_partitions(problem, kPartitions)) {
      drafts.push_back({shape, std::move(partition)});
    }
  }

  [[nodiscard]] StageQuery query(const Shape& shape, std::size_t stage, const PlacedStage& placed) {
    const auto chunks = static_cast<std::int64_t>(shape.stages / shape.ranks);
    const Bytes share(cluster_.devices[placed.device].memory.count() / chunks);
    StageQuery result;
    result.range = placed.range;
    result.in_flight = shape.in_flight[stage];
    result.memory =
        share - by_device_[placed.device]->static_bytes(placed.range) - buffers(placed.range);
    result.is_lifo = shape.family == PipelineFamily::kGPipe;
    if (shape.family == PipelineFamily::kZeroBubbleH1) result.weights = WeightGradients::kSplit;
    return result;
  }
  [[nodiscard]] Bytes buffers(StageRange range) const {
    Bytes bytes;
    for (const std::size_t cut : {range.first, range.last + 1}) {
      if (cut == 0 || cut == costs_.blocks()) continue;
      bytes += costs_.input_before(cut) + costs_.gradient_before(cut);
    }
    return bytes;
  }

  std::optional<Seconds> estimate(const Shape& shape, std::size_t stage, StageRange range,
                                  std::size_t device) {
    const StageQuery asked = query(shape, stage, {range, device});
    if (asked.memory <= Bytes()) return std::nullopt;
    StageCosts& costs = *by_device_[device];
    const auto key =
        std::make_tuple(&costs, range.first, range.last, asked.in_flight, asked.memory.count());
    auto found = estimates_.find(key);
    if (found == estimates_.end()) found = estimates_.emplace(key, costs.estimate(asked)).first;
    if (!found->second) return std::nullopt;
    return Seconds(found->second->count() / cluster_.devices[device].speed);
  }

  // Mean over all links.
  [[nodiscard]] Seconds transfer(std::size_t s) const {
    const Bytes bytes = costs_.input_before(s) + costs_.gradient_before(s);
    const std::size_t devices = cluster_.devices.size();
    const auto over = [&](const PipelineLink& link) {
      return Seconds(static_cast<double>(bytes.count()) / link.bytes_per_second) + link.latency +
             link.latency;
    };
    if (cluster_.links.empty() || devices < 2) return over(cluster_.link(0, 0));
    Seconds sum;
    for (std::size_t from = 0; from < devices; ++from) {
      for (std::size_t to = 0; to < devices; ++to) {
        if (from != to) sum += over(cluster_.link(from, to));
      }
    }
    return Seconds(sum.count() / static_cast<double>(devices * (devices - 1)));
  }

  std::optional<Built> build(const Draft& draft) {
    const Shape& shape = *draft.shape;
    const auto& placed = draft.partition.stages;
    std::vector<StageQuery> queries;
    for (std::size_t s = 0; s < placed.size(); ++s) queries.push_back(query(shape, s, placed[s]));
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
      StageCosts& costs = *by_device_[stage.rank];
      stage.strategies = strategies(costs, queries[s]);
      if (stage.strategies.empty()) return std::nullopt;
      stage.static_bytes = costs.static_bytes(range);
      if (s > 0) {
        stage.input = costs_.input_before(range.first);
        stage.input_gradient = costs_.gradient_before(range.first);
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
    int moves = 0;
    for (bool improved = true; improved && moves < kMoves;) {
      improved = false;
      for (const Partition& next : neighbours(best.draft.partition)) {
        if (++moves > kMoves) break;
        auto built = build({best.draft.shape, next});
        if (!built || !(built->trace.makespan < best.trace.makespan)) continue;
        best = *std::move(built);
        improved = true;
        break;
      }
    }
  }

  [[nodiscard]] std::vector<Partition> neighbours(const Partition& partition) const {
    std::vector<Partition> all;
    for (std::size_t s = 0; s + 1 < partition.stages.size(); ++s) {
      Partition left = partition, right = partition, swapped = partition;
      if (partition.stages[s].range.first < partition.stages[s].range.last) {
        --left.stages[s].range.last;
        --left.stages[s + 1].range.first;
        all.push_back(std::move(left));
      }
      if (partition.stages[s + 1].range.first < partition.stages[s + 1].range.last) {
        ++right.stages[s].range.last;
        ++right.stages[s + 1].range.first;
        all.push_back(std::move(right));
      }
      const bool one_each = partition.stages.size() <= cluster_.devices.size();
      if (one_each && kinds_[swapped.stages[s].device] != kinds_[swapped.stages[s + 1].device]) {
        std::swap(swapped.stages[s].device, swapped.stages[s + 1].device);
        all.push_back(std::move(swapped));
      }
    }
    return all;
  }

  const CostsOfDevices& by_device_;
  StageCosts& costs_;  // of any: for what is the same on all
  std::size_t m_;
  const Cluster& cluster_;
  const CoplanOptions& options_;
  std::vector<std::size_t> kinds_;  // by device
  std::size_t kind_count_ = 0;
  std::map<std::tuple<StageCosts*, std::size_t, std::size_t, std::size_t, std::int64_t>,
           std::optional<Seconds>>
      estimates_;
  std::map<std::tuple<StageCosts*, std::size_t, std::size_t, std::size_t, std::int64_t, bool, bool>,
           std::vector<StageStrategy>>
      strategies_;
};

}  // namespace

std::optional<PipelinePlan> coplan(StageCosts& costs, std::size_t micro_batches,
                                   const Cluster& cluster, const CoplanOptions& options) {
  return coplan(CostsOfDevices(cluster.devices.size(), &costs), micro_batches, cluster, options);
}

std::optional<PipelinePlan> coplan(const CostsOfDevices& costs, std::size_t micro_batches,
                                   const Cluster& cluster, const CoplanOptions& options) {
  auto built = CoPlanner(costs, micro_batches, cluster, options).run();
  if (!built) return std::nullopt;
  PipelinePlan plan;
  plan.pipeline = std::move(built->pipeline);
  plan.trace = std::move(built->trace);
  plan.family = built->draft.shape->family;
  plan.lower_bound = makespan_bound(costs, micro_batches, cluster, options.families);
  return plan;
}

}  // namespace rockmate
