// A finished tape becomes a training graph with kernels.

#include "rockmate/training_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/autodiff.h"
#include "graph/bf16.h"
#include "graph/fusion.h"
#include "graph/fusion/batch_slices.h"
#include "graph/fusion/group.h"
#include "graph/index_ranges.h"
#include "graph/load.h"
#include "graph/memory_formats.h"
#include "graph/op_table.h"
#include "graph/patterns/patterns.h"
#include "graph/updates.h"
#include "graph/winograd.h"

namespace rockmate {
namespace {

class ModelWriter {
 public:
  // `sources` in the order in which the model is to list them.
  ModelWriter(const Graph& graph, const Tape& tape, const std::vector<TensorId>& sources,
              const TrainingOptions& options)
      : graph_(graph),
        tape_(tape),
        sources_(sources),
        options_(options),
        last_touch_(last_touches(tape)) {}

  /// `results`, beside the losses, are resident at the end. `constants` were taken off the tape.
  TrainingModel write(const std::vector<Trained>& trained, const std::vector<TensorId>& results,
                      const ConstantPart& constants) &&;

 private:
  void number_values();
  void add_values(TrainingGraphBuilder& builder) const;
  [[nodiscard]] OpSpec spec_of(std::size_t s) const;
  void choose_in_place(std::size_t s, OpSpec& spec) const;
  void choose_workspaces(const Step& step, OpSpec& spec) const;
  [[nodiscard]] Kernel kernel_of(const Step& step) const;
  void add_sources(TrainingModel& model, const ConstantPart& constants) const;

  [[nodiscard]] bool is_source(TensorId t) const { return is_made_[t] == 0; }
  [[nodiscard]] const std::string& name(TensorId t) const { return tape_[t].tensor.name; }
  [[nodiscard]] std::vector<ValueId> values_of(const std::vector<TensorId>& tensors) const {
    std::vector<ValueId> values;
    for (const TensorId t : tensors) values.push_back(*value_[t]);
    return values;
  }

  const Graph& graph_;
  const Tape& tape_;
  const std::vector<TensorId>& sources_;
  const TrainingOptions& options_;
  IdVector<TensorId, std::size_t> last_touch_;
  IdVector<TensorId, std::optional<ValueId>> value_;  // of the tensors that take part
  IdVector<TensorId, char> is_made_;
  std::vector<TensorId> order_;  // tensor of each value
};

// Values in the order of their first appearance.
void ModelWriter::number_values() {
  value_ = IdVector<TensorId, std::optional<ValueId>>(tape_.tensors().size());
  is_made_ = IdVector<TensorId, char>(tape_.tensors().size());
  const auto number = [&](TensorId t) {
    if (value_[t]) return;
    value_[t] = ValueId(order_.size());
    order_.push_back(t);
  };
  for (const Step& step : tape_.steps()) {
    for (const TensorId t : step.node.inputs) number(t);
    for (const TensorId t : step.node.outputs) {
      number(t);
      is_made_[t] = 1;
    }
  }
}

void ModelWriter::add_values(TrainingGraphBuilder& builder) const {
  std::vector<TensorId> viewed(tape_.tensors().size());
  for (const Step& step : tape_.steps()) {
    if (!definition(step.node.kind).is_view) continue;
    viewed[step.node.outputs.front().index()] = step.node.inputs.front();
  }
  for (const TensorId t : order_) {
    const TapeTensor& entry = tape_[t];
    const TensorType& type = entry.tensor.type;
    ValueSpec spec{.name = entry.tensor.name,
                   .bytes = aligned(type.bytes()),
                   .kind = entry.kind,
                   .shape = type.shape,
                   .dtype = std::string(to_string(type.dtype))};
    if (entry.storage != t) spec.alias_of = name(viewed[t.index()]);
    builder.value(std::move(spec));
  }
}

// Among the inputs that an output may be written over: one that dies here in program order, else
// the first that has room.
void ModelWriter::choose_in_place(std::size_t s, OpSpec& spec) const {
  const Node& node = tape_.steps()[s].node;
  const auto candidates = in_place_pairs(view_of(tape_, node), output_types(tape_, node));
  std::vector<TensorId> taken;
  for (std::size_t output = 0; output < node.outputs.size(); ++output) {
    std::optional<TensorId> chosen;
    bool chosen_dies = false;
    for (const MayOverwrite& candidate : candidates) {
      if (candidate.output != output) continue;
      const TensorId input = node.inputs[candidate.input];
      const TensorId storage = tape_[input].storage;
      if (is_source(storage)) continue;
      if (std::find(taken.begin(), taken.end(), storage) != taken.end()) continue;
      const bool dies = last_touch_[storage] == s;
      if (chosen && (chosen_dies || !dies)) continue;
      chosen = input;
      chosen_dies = dies;
    }
    if (!chosen) continue;
    taken.push_back(tape_[*chosen].storage);
    spec.in_place.emplace_back(name(node.outputs[output]), name(*chosen));
  }
}

OpSpec ModelWriter::spec_of(std::size_t s) const {
  const Step& step = tape_.steps()[s];
  const Node& node = step.node;
  const OpDefinition& entry = definition(node.kind);
  OpSpec spec{.name = node.name, .phase = step.phase};
  for (const TensorId t : node.inputs) spec.inputs.push_back(name(t));
  for (const TensorId t : node.outputs) spec.outputs.push_back(name(t));
  for (const std::size_t i : optional_outputs(node.kind, node.attributes))
    spec.optional.push_back(name(node.outputs[i]));
  for (const std::size_t i : entry.updates) spec.updates.push_back(name(node.inputs[i]));
  choose_in_place(s, spec);
  if (entry.is_view) {
    spec.seconds = Seconds(0);
    return spec;
  }
  const OpView view = view_of(tape_, node);
  const Work work = work_of(view, output_types(tape_, node));
  OpCost cost = options_.costs.cost(node.name, signature_of(view), work);
  spec.seconds = cost.seconds;
  spec.workspace = cost.workspace;
  spec.implementations = std::move(cost.implementations);
  choose_workspaces(step, spec);
  return spec;
}

// What the engine needs, it needs for any implementation: it knows the kernel alone.
void ModelWriter::choose_workspaces(const Step& step, OpSpec& spec) const {
  Bytes least;
  if (options_.workspace) {
    const Kernel kernel = kernel_of(step);
    KernelSpec kernel_spec{step.node.name, kernel, {}, output_types(tape_, step.node)};
    for (const TensorId t : step.node.inputs) kernel_spec.inputs.push_back(tape_[t].tensor.type);
    least = options_.workspace(kernel_spec);
  }
  spec.workspace = aligned(std::max(spec.workspace, least));
  for (Implementation& each : spec.implementations) {
    each.workspace = aligned(std::max(each.workspace, least));
  }
}

Kernel ModelWriter::kernel_of(const Step& step) const {
  const Node& node = step.node;
  Kernel kernel{.kind = node.kind,
                .attributes = node.attributes,
                .inputs = values_of(node.inputs),
                .outputs = values_of(node.outputs),
                .updates = {},
                .node = step.origin};
  for (const std::size_t i : definition(node.kind).updates) {
    kernel.updates.push_back(kernel.inputs[i]);
  }
  return kernel;
}

void ModelWriter::add_sources(TrainingModel& model, const ConstantPart& constants) const {
  for (std::size_t position = 0; position < sources_.size(); ++position) {
    const TensorId t = sources_[position];
    if (!value_[t]) continue;
    const Tensor& tensor = tape_[t].tensor;
    model.sources.push_back({.value = *value_[t],
                             .is_given = tensor.kind == TensorKind::kInput,
                             .fill = tensor.fill,
                             .data = tensor.data,
                             .position = position});
  }
  model.load = make_load(tape_, constants, sources_, value_, model);
  if (model.load == nullptr) return;
  for (const Load::Made& made : model.load->made) {
    Source& source = model.sources.emplace_back();
    source.value = made.source;
    source.is_made = true;
  }
}

TrainingModel ModelWriter::write(const std::vector<Trained>& trained,
                                 const std::vector<TensorId>& results,
                                 const ConstantPart& constants) && {
  number_values();
  TrainingGraphBuilder builder(graph_.name());
  add_values(builder);
  for (std::size_t s = 0; s < tape_.steps().size(); ++s) builder.op(spec_of(s));
  for (const Loss& loss : graph_.losses()) {
    if (value_[loss.tensor]) builder.result(name(loss.tensor));
  }
  for (const TensorId t : results) builder.result(name(t));
  TrainingModel model{.graph = std::move(builder).build()};
  for (const Step& step : tape_.steps()) model.kernels.push_back(kernel_of(step));
  for (const TensorId t : order_) model.types.push_back(tape_[t].tensor.type);
  add_sources(model, constants);
  note_index_ranges(model);
  for (const Trained& entry : trained) {
    model.trained.push_back(
        {*value_[entry.parameter], *value_[entry.gradient], values_of(entry.states)});
  }
  for (const Loss& loss : graph_.losses()) {
    if (value_[loss.tensor]) model.losses.push_back({*value_[loss.tensor], loss.weight});
  }
  for (const TensorId t : graph_.outputs()) {
    if (value_[t]) model.outputs.push_back(*value_[t]);
  }
  return model;
}

// To what the engine likes. `row_major` and what the model tells of has to be there afterwards.
void lower(Tape& tape, const std::vector<TensorId>& row_major, const WantedTensors& wanted,
           const TrainingOptions& options, bool is_used) {
  if (options.bf16) {
    allow_bf16(tape);
  } else if (options.winograd) {
    allow_winograd(tape);
  }
  if (options.channels_last) lay_channels_last(tape, row_major);
  if (options.fuse) fuse(tape, wanted);
  if (options.fuse && options.channels_last && is_used) slice_batches(tape, wanted);
}

// Whether the iteration makes it: one that is no training makes no losses.
bool is_on(const Tape& tape, TensorId tensor) {
  return std::ranges::any_of(tape.steps(), [&](const Step& step) {
    return std::ranges::find(step.node.outputs, tensor) != step.node.outputs.end();
  });
}

// First values of sources follow from their place in the list of them, so that it may not depend on
// options. `is_used`: parameters never change.
TrainingModel write_model(const Graph& graph, Tape& tape, const std::vector<Trained>& trained,
                          const std::vector<TensorId>& results, const TrainingOptions& options,
                          bool is_used = false) {
  const std::vector<TensorId> sources = sources_of(tape);
  WantedTensors wanted{graph.outputs(), results};
  std::vector<TensorId> row_major = graph.outputs();
  row_major.insert(row_major.end(), results.begin(), results.end());
  for (const Loss& loss : graph.losses()) {
    if (is_on(tape, loss.tensor)) wanted.results.push_back(loss.tensor);
  }
  for (const Trained& entry : trained) {
    wanted.visible.push_back(entry.gradient);
    row_major.push_back(entry.gradient);
  }
  lower(tape, row_major, wanted, options, is_used);
  ConstantPart constants;
  if (is_used && options.packings) constants = take_constants(tape, results, options.packings);
  return ModelWriter(graph, tape, sources, options).write(trained, results, constants);
}

}  // namespace

TrainingModel make_training_model(const Graph& graph, const TrainingOptions& options) {
  Differentiated result = differentiate(graph);
  std::vector<Trained> trained = trained_parameters(graph, result);
  add_updates(result.tape, trained, options);
  std::vector<TensorId> results;
  if (options.optimizer == OptimizerKind::kNone) {
    for (const Trained& entry : trained) results.push_back(entry.gradient);
  }
  return write_model(graph, result.tape, trained, results, options);
}

TrainingModel make_evaluation_model(const Graph& graph, const TrainingOptions& options) {
  const Graph judged = evaluation_graph(graph);
  Tape tape = forward_tape(judged);
  std::vector<TensorId> scores;
  for (const Step& step : tape.steps()) {
    if (step.node.kind != OpKind::kCrossEntropy) continue;
    if (judged[step.node.inputs.front()].producer) scores.push_back(step.node.inputs.front());
  }
  return write_model(judged, tape, {}, scores, options);
}

TrainingModel make_inference_model(const Graph& graph, const TrainingOptions& options) {
  const Graph used = evaluation_graph(graph);
  Tape tape = inference_tape(used);
  std::vector<TensorId> outputs;
  for (const TensorId t : used.outputs()) {
    if (used[t].producer) outputs.push_back(t);
  }
  return write_model(used, tape, {}, outputs, options, true);
}

TrainingGraph make_training_graph(const Graph& graph, const TrainingOptions& options) {
  return make_training_model(graph, options).graph;
}

KernelSpec kernel_spec(const TrainingModel& model, OpId op) {
  const Kernel& kernel = model.kernels[op];
  KernelSpec spec{model.graph[op].name, kernel, {}, {}};
  for (const ValueId v : kernel.inputs) spec.inputs.push_back(model.types[v]);
  for (const ValueId v : kernel.outputs) spec.outputs.push_back(model.types[v]);
  return spec;
}

std::string signature(const TrainingModel& model, OpId op) {
  const Kernel& kernel = model.kernels[op];
  OpView view{model.graph[op].name, kernel.kind, kernel.attributes, {}};
  for (const ValueId v : kernel.inputs) view.inputs.push_back(&model.types[v]);
  return signature_of(view);
}

}  // namespace rockmate
