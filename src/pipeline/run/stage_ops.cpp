#include "pipeline/run/stage_ops.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/shown.h"
#include "pipeline/stage_model.h"

namespace rockmate {
namespace {

bool has_runs(const StageStrategy& strategy, const Chain& chain) {
  return !strategy.steps.empty() &&
         std::all_of(strategy.steps.begin(), strategy.steps.end(), [&](const StageStep& step) {
           if (step.block >= chain.blocks.size()) return false;
           const Block& block = chain.blocks[step.block];
           const std::size_t ops = block.forward.size() + block.backward.size();
           return std::all_of(step.runs.begin(), step.runs.end(),
                              [ops](std::uint32_t k) { return k < ops; });
         });
}

void check_stages(const TrainingModel& model, const Pipeline& pipeline, const Chain& chain) {
  const std::size_t blocks = chain.blocks.size();
  std::size_t next = 0;
  for (const PipelineStage& stage : pipeline.stages) {
    const bool follows = stage.first_block == next && stage.last_block >= next;
    const bool has_steps =
        std::all_of(stage.strategies.begin(), stage.strategies.end(),
                    [&](const StageStrategy& strategy) { return has_runs(strategy, chain); });
    if (!follows || !has_steps) break;
    next = stage.last_block + 1;
  }
  if (next == blocks) return;
  throw InvalidInput(
      fmt::format("'{}' falls into {} blocks, but the stages of the pipeline say what they run of "
                  "{}; expected a pipeline that was planned for this model, with equally many "
                  "blocks at most",
                  shown(model.graph.name()), blocks, next));
}

// What a rank does behind its row is to update parameters, each from its own gradient alone.
void check_updates(const TrainingModel& model) {
  for (const TrainedParameter& trained : model.trained) {
    std::size_t updates = 0;
    for (const OpId reader : model.graph[trained.gradient].readers) {
      if (model.graph[reader].phase != Phase::kUpdate) continue;
      const auto& inputs = model.kernels[reader].inputs;
      const bool is_plain = std::all_of(inputs.begin(), inputs.end(), [&](ValueId v) {
        return v == trained.gradient || model.graph[v].is_source;
      });
      const auto& changed = model.kernels[reader].updates;
      const bool is_update =
          std::find(changed.begin(), changed.end(), trained.parameter) != changed.end();
      updates += is_plain && is_update ? 1 : 2;
    }
    if (updates <= 1) continue;
    throw InvalidInput(
        fmt::format("'{}': gradients that are clipped, or accumulate over iterations, cannot be "
                    "run as a pipeline; more micro-batches accumulate within one",
                    shown(model.graph.name())));
  }
}

void check_dropout(const TrainingModel& model) {
  if (!has_fused_dropout(model)) return;
  throw InvalidInput(
      fmt::format("'{}': dropout in a fused op cannot be run as a pipeline; derive the "
                  "iteration without fusing",
                  shown(model.graph.name())));
}

// The summands of a gradient, and the ops that only add them.
class Summands {
 public:
  explicit Summands(const TrainingModel& model) : model_(model) {}

  void take_apart(ValueId v) {
    const Value& value = model_.graph[v];
    const OpId op = value.producer.value();
    const Kernel& kernel = model_.kernels[op];
    if (kernel.attributes.flag("adds") && is_only_for(kernel.inputs.back(), op)) {
      take_apart(kernel.inputs.back());
      values.push_back(v);
      apart.push_back(op);
      return;
    }
    const bool is_sum = kernel.kind == OpKind::kAdd && kernel.inputs.size() == 2 &&
                        model_.graph[op].phase == Phase::kBackward &&
                        is_only_for(kernel.inputs[0], op) && is_only_for(kernel.inputs[1], op);
    if (!is_sum) {
      values.push_back(v);
      return;
    }
    for (const ValueId input : kernel.inputs) take_apart(input);
    sums.push_back(op);
  }

  std::vector<ValueId> values;
  std::vector<OpId> apart, sums;

 private:
  [[nodiscard]] bool is_only_for(ValueId v, OpId reader) const {
    const Value& value = model_.graph[v];
    return !value.is_source && value.storage == v && value.readers == std::vector{reader} &&
           model_.types[v] == model_.types[model_.kernels[reader].outputs.front()];
  }
  const TrainingModel& model_;
};

}  // namespace

bool has_fused_dropout(const TrainingModel& model) {
  return std::any_of(model.kernels.begin(), model.kernels.end(), [](const Kernel& kernel) {
    if (kernel.kind != OpKind::kFused) return false;
    const auto& parts = kernel.attributes.parts().parts;
    return std::any_of(parts.begin(), parts.end(),
                       [](const FusedPart& part) { return part.kind == OpKind::kDropout; });
  });
}

StageOps::StageOps(const TrainingModel& model, const Pipeline& pipeline, std::size_t max_blocks)
    : model_(model),
      chain_(cut_stage_blocks(model.graph, max_blocks)),
      block_of_(model.graph.ops().size()),
      stage_of_(model.graph.ops().size()),
      is_forward_(model.graph.ops().size()),
      can_wait_(model.graph.ops().size()),
      is_apart_(model.graph.ops().size()) {
  check_stages(model, pipeline, chain_);
  check_updates(model);
  check_dropout(model);
  place_ops(pipeline);
  find_parts();
  find_waiting();
  find_crossings(pipeline.stages.size());
}

std::vector<OpId> StageOps::backward(const StageStep& step) const {
  const Block& block = chain_.blocks[step.block];
  std::vector<OpId> ops;
  for (const std::uint32_t k : step.runs) {
    const std::size_t forward = block.forward.size();
    ops.push_back(k < forward ? block.forward[k] : block.backward[k - forward]);
  }
  if (step.runs.empty()) ops = block.backward;
  if (step.block == 0) ops.insert(ops.end(), chain_.tail.begin(), chain_.tail.end());
  std::erase_if(ops, [this](OpId op) { return !stage_of_[op]; });
  return ops;
}

std::optional<std::size_t> StageOps::maker(ValueId v) const {
  const auto producer = model_.graph[v].producer;
  return producer ? stage_of_[*producer] : std::nullopt;
}

std::vector<ValueId> StageOps::inputs_of(OpId op) const {
  std::vector<ValueId> inputs = model_.kernels[op].inputs;
  if (is_apart(op)) inputs.pop_back();
  return inputs;
}

void StageOps::place_ops(const Pipeline& pipeline) {
  for (std::size_t b = 0; b < chain_.blocks.size(); ++b) {
    for (const OpId op : chain_.blocks[b].forward) {
      block_of_[op] = b;
      is_forward_[op] = 1;
    }
    std::vector<OpId> rest = chain_.blocks[b].backward;
    if (b == 0) rest.insert(rest.end(), chain_.tail.begin(), chain_.tail.end());
    for (const OpId op : rest) {
      if (model_.graph[op].phase == Phase::kUpdate) continue;
      block_of_[op] = b;
    }
  }
  for (std::size_t s = 0; s < pipeline.stages.size(); ++s) {
    const PipelineStage& stage = pipeline.stages[s];
    for (std::size_t o = 0; o < stage_of_.size(); ++o) {
      const auto& block = block_of_[OpId(o)];
      if (block && stage.first_block <= *block && *block <= stage.last_block) {
        stage_of_[OpId(o)] = s;
      }
    }
  }
}

void StageOps::find_parts() {
  for (const TrainedParameter& trained : model_.trained) {
    Summands found(model_);
    found.take_apart(trained.gradient);
    std::set<std::size_t> blocks;
    for (const ValueId v : found.values) {
      blocks.insert(block_of_[model_.graph[v].producer.value()].value());
    }
    for (const OpId op : found.sums) blocks.insert(block_of_[op].value());
    if (blocks.size() == 1) {
      found.values = {trained.gradient};
      found.apart.clear();
      found.sums.clear();
    }
    for (const OpId op : found.apart) is_apart_[op] = 1;
    for (const OpId op : found.sums) {
      stage_of_[op].reset();
    }
    auto& parts = parts_.emplace_back();
    for (const ValueId v : found.values) parts.push_back({v, maker(v).value()});
  }
}

// From the last op to the first: readers are known before what they read. They may not be of
// another block, which may have been computed again, and then nothing of it waits.
void StageOps::find_waiting() {
  std::set<ValueId> is_part;
  for (const auto& parts : parts_) {
    for (const GradientPart& part : parts) is_part.insert(part.value);
  }
  const auto is_for_parts = [&](ValueId v) {
    const auto& readers = model_.graph[v].readers;
    bool is_read = is_part.contains(v);
    for (const OpId reader : readers) {
      if (!stage_of_[reader]) continue;
      const std::vector<ValueId> read = inputs_of(reader);
      if (std::find(read.begin(), read.end(), v) == read.end()) continue;
      if (!can_wait(reader) || block_of_[reader] != block_of_[*model_.graph[v].producer]) {
        return false;
      }
      is_read = true;
    }
    return is_read;
  };
  for (std::size_t o = model_.graph.ops().size(); o-- > 0;) {
    const OpId op(o);
    const Op& each = model_.graph[op];
    if (!stage_of_[op] || is_forward(op) || each.phase != Phase::kBackward) continue;
    can_wait_[op] = !each.outputs.empty() &&
                    std::all_of(each.outputs.begin(), each.outputs.end(), is_for_parts);
  }
}

void StageOps::find_crossings(std::size_t stages) {
  const TrainingGraph& graph = model_.graph;
  struct Reach {
    std::size_t first, last;  // stages that read the storage, or make it
  };
  IdVector<ValueId, std::optional<Reach>> reach(graph.values().size());
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const auto made = maker(ValueId(i));
    if (made && graph[ValueId(i)].storage == ValueId(i)) reach[ValueId(i)] = Reach{*made, *made};
  }
  for (std::size_t o = 0; o < graph.ops().size(); ++o) {
    const auto stage = stage_of_[OpId(o)];
    if (!stage) continue;
    for (const ValueId v : inputs_of(OpId(o))) {
      auto& of_storage = reach[graph[v].storage];
      if (!of_storage) continue;
      of_storage->first = std::min(of_storage->first, *stage);
      of_storage->last = std::max(of_storage->last, *stage);
    }
  }
  activations_.resize(stages - 1);
  gradients_.resize(stages - 1);
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const ValueId v(i);
    if (!reach[v]) continue;
    const bool goes_on = is_forward(graph[v].producer.value());
    for (std::size_t cut = reach[v]->first; cut < reach[v]->last; ++cut) {
      (goes_on ? activations_ : gradients_)[cut].push_back(v);
    }
  }
}

}  // namespace rockmate
