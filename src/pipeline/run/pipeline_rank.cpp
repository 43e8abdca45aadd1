#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "base/shown.h"
#include "exec/indices.h"
#include "exec/initial_values.h"
#include "exec/machine.h"
#include "graph/op_table.h"
#include "pipeline/check_rows.h"
#include "pipeline/run/exchange.h"
#include "pipeline/run/rank_engine.h"
#include "pipeline/run/rank_model.h"
#include "plan/finish.h"
#include "rockmate/pipeline_run.h"

namespace rockmate {
namespace {

Pipeline lowered(const Pipeline& pipeline) {
  return has_communication(pipeline) ? pipeline : with_communication(pipeline);
}

PipelineTrace simulated(const Pipeline& pipeline) {
  auto trace = simulate(pipeline);
  if (!trace) throw InvalidInput("the pipeline breaks a rule: " + trace.error().message);
  return *std::move(trace);
}

RankPlace place_of(const Pipeline& pipeline, const Transport& transport, std::size_t replicas) {
  const std::size_t ranks = pipeline.rows.size();
  if (transport.size() != ranks * replicas) {
    throw InvalidInput(fmt::format(
        "found {} ranks, expected {}: {} of the pipeline in {} replicas; start as many, or plan "
        "for other devices",
        transport.size(), ranks * replicas, ranks, replicas));
  }
  return {transport.rank() % ranks, transport.rank() / ranks, replicas};
}

RankModel model_of(const TrainingModel& micro_batch, const Pipeline& pipeline,
                   const RankPlace& place, const Engine& engine, std::size_t max_blocks) {
  const PipelineTrace trace = simulated(pipeline);
  const StageOps ops(micro_batch, pipeline, max_blocks);
  return make_rank_model({micro_batch, ops, pipeline, place}, trace,
                         [&](const KernelSpec& spec) { return engine.workspace(spec); });
}

// Where the simulator counts, the packer has to place: what it needs decides.
Plan plan_of(const RankModel& rank, const Pipeline& pipeline, std::size_t number) {
  const Bytes memory = pipeline.cluster.devices[number].memory;
  const Outcome outcome = try_runs(rank.model.graph, rank.runs, TakeOver::kWhereEqual, memory, {});
  if (outcome.plan) return *outcome.plan;
  throw InvalidInput(
      fmt::format("rank {}: its part of the pipeline needs {} bytes with all addresses, its device "
                  "has {}; plan for a little less memory",
                  number, outcome.needed.count(), memory.count()));
}

double read_number(std::span<const std::byte> bytes, DType dtype) {
  if (dtype == DType::kFloat64) {
    double value = 0;
    std::memcpy(&value, bytes.data(), sizeof(value));
    return value;
  }
  ROCKMATE_CHECK(dtype == DType::kFloat32);
  float value = 0;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return static_cast<double>(value);
}

// A device's own engine, or that of the run.
std::unique_ptr<Engine> engine_of(const Pipeline& pipeline, const RankPlace& place,
                                  const PipelineRunOptions& options) {
  const std::string& own = pipeline.cluster.devices[place.rank].engine;
  return make_engine(own.empty() ? options.engine : own, options.threads);
}

}  // namespace

Bytes needed_by_rank(const TrainingModel& micro_batch, const Pipeline& pipeline,
                     Transport& transport, const PipelineRunOptions& options) {
  const Pipeline with_messages = lowered(pipeline);
  const RankPlace place = place_of(with_messages, transport, options.replicas);
  const RankEngine engine(engine_of(pipeline, place, options), transport, options.deadline);
  const RankModel rank = model_of(micro_batch, with_messages, place, engine, options.max_blocks);
  const Bytes memory = pipeline.cluster.devices[place.rank].memory;
  return try_runs(rank.model.graph, rank.runs, TakeOver::kWhereEqual, memory, {}).needed;
}

struct PipelineRank::State {
  State(const TrainingModel& micro_batch, const Pipeline& planned, Transport& ranks,
        const PipelineRunOptions& chosen)
      : options(chosen),
        transport(ranks),
        pipeline(lowered(planned)),
        place(place_of(pipeline, ranks, chosen.replicas)),
        engine(engine_of(pipeline, place, chosen), ranks, chosen.deadline),
        rank(model_of(micro_batch, pipeline, place, engine, chosen.max_blocks)),
        plan(plan_of(rank, pipeline, place.rank)),
        machine(rank.model, resolve(rank.model, plan), engine, false),
        names(names_of(micro_batch)) {
    for (std::size_t s = 0; s < rank.sources.size(); ++s) {
      if (rank.model.sources[s].is_given) continue;
      write_initial_values(memory_of(s), options.seed, options.threads);
    }
    for (const TrainedParameter& trained : rank.model.trained) {
      gradients[trained.gradient] = rank.model.graph[trained.parameter].name;
    }
  }

  // Of the inputs, without their micro-batch.
  [[nodiscard]] std::vector<std::string> names_of(const TrainingModel& micro_batch) const {
    std::vector<std::string> all;
    for (const RankSource& source : rank.sources) {
      all.push_back(micro_batch.graph[micro_batch.sources[source.position].value].name);
    }
    return all;
  }

  [[nodiscard]] SourceMemory memory_of(std::size_t s) const {
    const Source& source = rank.model.sources[s];
    const TensorType& type = rank.model.types[source.value];
    const auto each = static_cast<std::uint64_t>(element_count(type.shape));
    return {source, rank.sources[s].position, type,
            machine.at(machine.program().sources[source.value].value()),
            each * rank.sources[s].micro_batch.value_or(0)};
  }

  void bring_data() {
    for (std::size_t s = 0; s < rank.sources.size(); ++s) {
      const auto micro_batch = rank.sources[s].micro_batch;
      if (!micro_batch) continue;
      const SourceMemory memory = memory_of(s);
      if (options.data && options.data(names[s], next, *micro_batch, memory.bytes)) {
        check_elements(names[s], memory, memory.bytes);
      } else {
        write_synthetic_data(memory, options.seed, next, options.threads);
      }
    }
  }

  [[nodiscard]] double loss() const {
    double sum = 0;
    for (const WeightedLoss& loss : rank.model.losses) {
      const Place place_of_loss = machine.program().at_end[loss.value].value();
      const double value =
          read_number(machine.at(place_of_loss), rank.model.types[loss.value].dtype);
      if (!std::isfinite(value)) {
        throw InvalidInput(fmt::format(
            "rank {}: step {}: the loss '{}' is {}: training has diverged; a smaller learning "
            "rate may keep it finite",
            transport.rank(), next, shown(rank.model.graph[loss.value].name), value));
      }
      sum += loss.weight * value;
    }
    return sum;
  }

  // Views have no kernel, hence no time.
  void note_times(Seconds start, RankStep& report) const {
    std::vector<TimedAction>& actions = report.actions;
    std::size_t timed = 0;
    for (std::size_t i = 0; i < rank.runs.size(); ++i) {
      const OpKind kind = rank.model.kernels[rank.runs[i].op].kind;
      if (definition(kind).is_view) continue;
      const RankEngine::TimedRun& run = engine.runs()[timed++];
      const auto& action = rank.actions[i];
      if (is_communication(kind)) continue;
      if (!action) {
        report.update += run.end - run.start;
        continue;
      }
      if (actions.empty() || !(actions.back().action == *action)) {
        actions.push_back({*action, run.start - start, {}});
      }
      actions.back().end = run.end - start;
    }
  }

  PipelineRunOptions options;
  Transport& transport;
  Pipeline pipeline;  // with communication
  RankPlace place;
  RankEngine engine;
  RankModel rank;
  Plan plan;
  Machine machine;
  std::vector<std::string> names;  // by source
  std::map<ValueId, std::string> gradients;
  std::function<void(const std::string&, std::span<const std::byte>)> observer;
  std::uint64_t next = 0;
};

PipelineRank::PipelineRank(const TrainingModel& micro_batch, const Pipeline& pipeline,
                           Transport& transport, const PipelineRunOptions& options)
    : state_(std::make_unique<State>(micro_batch, pipeline, transport, options)) {}

PipelineRank::~PipelineRank() = default;
PipelineRank::PipelineRank(PipelineRank&&) noexcept = default;

RankStep PipelineRank::step() {
  State& state = *state_;
  state.bring_data();
  state.engine.clear();
  meet(state.transport, state.options.deadline, fmt::format("the start of step {}", state.next));
  const Seconds start = state.transport.now();
  Observer observer;
  if (state.observer) {
    observer = [&state](const Observation& seen) {
      const auto found = state.gradients.find(seen.value);
      if (found != state.gradients.end()) state.observer(found->second, seen.bytes);
    };
  }
  state.machine.run(state.options.seed, state.next, 1, observer);
  RankStep report;
  report.step = state.next;
  report.makespan = state.transport.now() - start;
  state.note_times(start, report);
  report.measured = state.machine.high_water();
  report.loss = state.loss();
  ++state.next;
  return report;
}

Bytes PipelineRank::planned() const { return state_->machine.program().bytes; }

std::vector<RankState> PipelineRank::states() const {
  std::vector<RankState> all;
  const RankModel& rank = state_->rank;
  for (std::size_t s = 0; s < rank.sources.size(); ++s) {
    const ValueKind kind = rank.model.graph[rank.model.sources[s].value].kind;
    const bool outlives = kind == ValueKind::kParameter || kind == ValueKind::kStatistics ||
                          kind == ValueKind::kOptimizerState;
    if (!outlives || rank.model.sources[s].is_given) continue;
    all.push_back({state_->names[s], kind, rank.sources[s].is_owned, state_->memory_of(s).bytes});
  }
  return all;
}

void PipelineRank::observe_gradients(
    std::function<void(const std::string&, std::span<const std::byte>)> observer) {
  state_->observer = std::move(observer);
}

std::uint64_t PipelineRank::next_step() const { return state_->next; }
void PipelineRank::set_next_step(std::uint64_t step) { state_->next = step; }

}  // namespace rockmate
