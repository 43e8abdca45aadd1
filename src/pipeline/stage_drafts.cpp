// What a stage may use is its device's memory without what it holds all the time and without
// message buffers: one input and one gradient that are received ahead, one of each that is on its
// way out.
//
// How many micro-batches a stage of GPipe or 1F1B holds follows from the stages behind it alone, so
// one solve serves all numbers of devices. Under ZB-H1 it depends on that number: there only all
// devices are tried, and the numbers that serve 1F1B best. Where devices are of too many kinds for
// all their sets, a few orders of them are kept, from which devices may be left out.

#include "pipeline/stage_drafts.h"

#include <algorithm>
#include <numeric>
#include <set>

namespace rockmate {
namespace {

constexpr std::size_t kPartitions = 6;        // per family and number of stages
constexpr std::size_t kNumbers = 2;           // of devices for ZB-H1, besides all of them
constexpr std::size_t kMostIdle = 16;         // devices, beyond which none is left idle
constexpr std::size_t kChunks[] = {2, 3, 4};  // stages per device, interleaved

}  // namespace

Drafter::Drafter(const CostsOfDevices& costs, std::size_t micro_batches, const Cluster& cluster,
                 const CoplanOptions& options)
    : by_device_(costs),
      costs_(*costs.front()),
      m_(micro_batches),
      cluster_(cluster),
      options_(options) {
  find_kinds();
  find_orders();
}

// Devices may stand in for each other if all figures are equal and they have no links of their own.
void Drafter::find_kinds() {
  const auto& devices = cluster_.devices;
  std::size_t count = 0;
  for (std::size_t d = 0; d < devices.size(); ++d) {
    std::size_t kind = count;
    for (std::size_t e = 0; e < d && cluster_.links.empty(); ++e) {
      if (devices[e].memory == devices[d].memory && devices[e].speed == devices[d].speed &&
          by_device_[e] == by_device_[d]) {
        kind = kinds_[e];
        break;
      }
    }
    if (kind == count) ++count;
    kinds_.push_back(kind);
  }
}

// Early stages hold the most micro-batches: they want memory, the more the faster they are.
void Drafter::find_orders() {
  if (!has_too_many_sets(kinds_)) return;
  std::vector<std::size_t> order(kinds_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  orders_.push_back(order);
  const auto sorted_by = [&](auto figure) {
    std::stable_sort(order.begin(), order.end(), [&](std::size_t x, std::size_t y) {
      return figure(cluster_.devices[x]) > figure(cluster_.devices[y]);
    });
    orders_.push_back(order);
  };
  const auto memory = [](const PipelineDevice& x) { return static_cast<double>(x.memory.count()); };
  sorted_by(memory);
  sorted_by([&](const PipelineDevice& x) { return memory(x) / x.speed; });
}

Drafter::Shape Drafter::shape(PipelineFamily family, std::size_t ranks, std::size_t chunks) {
  Shape& known = shapes_[{family, ranks, chunks}];
  if (known) return known;
  auto made = std::make_shared<PipelineShape>();
  made->family = family;
  made->ranks = ranks;
  made->stages = ranks * chunks;
  made->rows = pipeline_rows(family, ranks, made->stages, m_);
  made->in_flight = micro_batches_in_flight(made->rows, made->stages);
  return known = std::move(made);
}

std::vector<PipelineDraft> Drafter::of(PipelineFamily family) {
  const std::size_t devices = cluster_.devices.size();
  const bool may_idle = !options_.uses_all_devices && devices <= kMostIdle;
  const std::size_t least = may_idle ? 1 : devices;
  const std::size_t most = std::min(devices, costs_.blocks());
  std::vector<PipelineDraft> drafts;
  if (family == PipelineFamily::kInterleaved) {
    if (m_ % devices != 0) return {};
    for (const std::size_t chunks : kChunks) append_interleaved(chunks, drafts);
  } else if (family == PipelineFamily::kZeroBubbleH1 && least < most) {
    std::set<std::size_t> numbers = {most};
    for (const PipelineDraft& draft : of(PipelineFamily::kOneForwardOneBackward)) {
      if (numbers.size() > kNumbers) break;
      numbers.insert(draft.shape->ranks);
    }
    for (const std::size_t ranks : numbers) append(family, ranks, ranks, drafts);
  } else if (least <= most) {
    append(family, least, most, drafts);
  }
  std::stable_sort(drafts.begin(), drafts.end(), [](const auto& x, const auto& y) {
    return x.partition.estimate < y.partition.estimate;
  });
  return drafts;
}

void Drafter::append(PipelineFamily family, std::size_t least, std::size_t most,
                     std::vector<PipelineDraft>& drafts) {
  std::vector<std::size_t> as_given(cluster_.devices.size());
  std::iota(as_given.begin(), as_given.end(), std::size_t{0});
  const auto orders = orders_.empty() ? std::vector<std::vector<std::size_t>>{as_given} : orders_;
  const Shape largest = shape(family, most, 1);
  for (const auto& order : orders) {
    PartitionProblem cuts = problem(*largest, order);
    cuts.order = orders_.empty() ? DeviceOrder::kAny : DeviceOrder::kGiven;
    cuts.least_stages = least;
    for (Partition& partition : best_partitions(cuts, kPartitions)) {
      for (PlacedStage& stage : partition.stages) stage.device = order[stage.device];
      const std::size_t ranks = partition.stages.size();
      drafts.push_back({shape(family, ranks, 1), std::move(partition)});
    }
  }
}

void Drafter::append_interleaved(std::size_t chunks, std::vector<PipelineDraft>& drafts) {
  const std::size_t ranks = cluster_.devices.size();
  if (ranks * chunks > costs_.blocks()) return;
  std::vector<std::size_t> as_given(ranks);
  std::iota(as_given.begin(), as_given.end(), std::size_t{0});
  const Shape all = shape(PipelineFamily::kInterleaved, ranks, chunks);
  PartitionProblem cuts = problem(*all, as_given);
  cuts.order = DeviceOrder::kRound;
  // A device does all its chunks for each micro-batch.
  cuts.micro_batches = (m_ - 1) * chunks + 1;
  for (Partition& partition : best_partitions(cuts, kPartitions)) {
    drafts.push_back({all, std::move(partition)});
  }
}

PartitionProblem Drafter::problem(const PipelineShape& shape,
                                  const std::vector<std::size_t>& order) {
  PartitionProblem problem;
  problem.blocks = costs_.blocks();
  problem.least_stages = problem.most_stages = shape.stages;
  problem.micro_batches = m_;
  for (const std::size_t device : order) problem.kinds.push_back(kinds_[device]);
  problem.seconds = [this, &shape, order](std::size_t after, StageRange range, std::size_t device) {
    return estimate(shape, shape.stages - 1 - after, {range, order[device]});
  };
  problem.transfer = [this](std::size_t s) { return transfer(s); };
  return problem;
}

StageQuery Drafter::query(const PipelineShape& shape, std::size_t stage,
                          const PlacedStage& placed) const {
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

Bytes Drafter::buffers(StageRange range) const {
  Bytes bytes;
  for (const std::size_t cut : {range.first, range.last + 1}) {
    if (cut == 0 || cut == costs_.blocks()) continue;
    bytes += costs_.input_before(cut) + costs_.gradient_before(cut);
  }
  return bytes;
}

std::optional<Seconds> Drafter::estimate(const PipelineShape& shape, std::size_t stage,
                                         const PlacedStage& placed) {
  const StageQuery asked = query(shape, stage, placed);
  if (asked.memory <= Bytes()) return std::nullopt;
  const auto seconds = by_device_[placed.device]->estimate(asked);
  if (!seconds) return std::nullopt;
  return Seconds(seconds->count() / cluster_.devices[placed.device].speed);
}

// Mean over all links.
Seconds Drafter::transfer(std::size_t s) const {
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

}  // namespace rockmate
