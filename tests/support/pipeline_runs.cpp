#include "support/pipeline_runs.h"

#include <mutex>
#include <thread>

namespace rockmate::testing {
namespace {

Bits bits_of(std::span<const std::byte> bytes) { return {bytes.begin(), bytes.end()}; }

// What the ranks bring together.
class Collector {
 public:
  Collector(PipelineRecord& record, std::size_t steps) : record_(record) {
    record.losses.resize(steps);
  }
  void gradient(const std::string& name, std::span<const std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    record_.gradients[name] = bits_of(bytes);
  }
  void loss(std::size_t step, double loss) {
    const std::lock_guard lock(mutex_);
    record_.losses[step] += loss;
  }
  void state(const RankState& state, std::size_t rank) {
    const std::lock_guard lock(mutex_);
    const auto [found, is_new] = record_.states.try_emplace(state.name, bits_of(state.bytes));
    // Each rank of a replica keeps the statistics of its own micro-batches.
    if (!is_new && state.kind != ValueKind::kStatistics && found->second != bits_of(state.bytes)) {
      record_.failures[rank] = "the copies of '" + state.name + "' differ";
    }
  }

 private:
  PipelineRecord& record_;
  std::mutex mutex_;
};

}  // namespace

PipelineRecord run_pipeline(const TrainingModel& micro_batch, const Pipeline& pipeline,
                            const PipelineRunSetup& setup) {
  const std::size_t ranks = pipeline.rows.size() * setup.options.replicas;
  const auto transports = make_local_transports(ranks, setup.mode);
  PipelineRecord record;
  record.planned.resize(ranks);
  record.measured.resize(ranks);
  record.failures.resize(ranks);
  record.steps.resize(ranks);
  Collector collector(record, setup.steps);
  const auto work = [&](std::size_t r) {
    PipelineRank rank(micro_batch, pipeline, *transports[r], setup.options);
    rank.observe_gradients([&](const std::string& name, std::span<const std::byte> bytes) {
      collector.gradient(name, bytes);
    });
    record.planned[r] = rank.planned();
    for (std::size_t s = 0; s < setup.steps; ++s) {
      record.steps[r].push_back(rank.step());
      collector.loss(s, record.steps[r].back().loss);
      record.measured[r] = record.steps[r].back().measured;
    }
    for (const RankState& state : rank.states()) collector.state(state, r);
  };
  std::vector<std::thread> threads;
  for (std::size_t r = 0; r < ranks; ++r) {
    threads.emplace_back([&, r] {
      try {
        work(r);
      } catch (const std::exception& error) {
        record.failures[r] = error.what();
        transports[r]->give_up(error.what());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return record;
}

std::optional<Pipeline> plan_of(const TrainingModel& micro_batch, const Cluster& cluster,
                                PipelineFamily family, std::size_t micro_batches) {
  const auto plan = plan_pipeline(micro_batch.graph, micro_batches, cluster, {.family = family});
  if (!plan) return std::nullopt;
  return plan->pipeline;
}

PipelineRecord run_alone(const TrainingModel& micro_batch, PipelineFamily family) {
  // Interleaving needs two stages on a device at least; alone it is 1F1B.
  const auto of_one =
      family == PipelineFamily::kInterleaved ? PipelineFamily::kOneForwardOneBackward : family;
  return run_pipeline(micro_batch, *plan_of(micro_batch, equal_devices(1), of_one));
}

Cluster equal_devices(std::size_t count, Bytes memory) {
  Cluster cluster;
  cluster.devices.assign(count, {.name = {}, .memory = memory, .speed = 1});
  return cluster;
}

std::string difference(const PipelineRecord& a, const PipelineRecord& b) {
  for (const auto* record : {&a, &b}) {
    for (const std::string& failure : record->failures) {
      if (!failure.empty()) return failure;
    }
  }
  return difference(StepRecord{{}, a.gradients, a.states}, StepRecord{{}, b.gradients, b.states});
}

}  // namespace rockmate::testing
