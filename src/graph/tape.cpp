#include "graph/tape.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "graph/op_table.h"

namespace rockmate {
namespace {

ValueKind value_kind(TensorKind kind) {
  switch (kind) {
    case TensorKind::kInput:
    case TensorKind::kConstant:
      return ValueKind::kInput;
    case TensorKind::kParameter:
      return ValueKind::kParameter;
    case TensorKind::kStatistics:
      return ValueKind::kStatistics;
    case TensorKind::kActivation:
      break;
  }
  return ValueKind::kActivation;
}

}  // namespace

Tape::Tape(const Graph& graph) {
  for (const Tensor& tensor : graph.tensors()) {
    names_.insert(tensor.name);
    tensors_.push_back({tensor, value_kind(tensor.kind), TensorId(tensors_.size())});
  }
  for (const Node& node : graph.nodes()) names_.insert(node.name);
}

std::string Tape::unique(const std::string& name) {
  std::string candidate = name;
  for (int number = 2; !names_.insert(candidate).second; ++number) {
    candidate = name + "_" + std::to_string(number);
  }
  return candidate;
}

void Tape::run(NodeId id, const Node& node, Phase phase) { append({node, phase, id}); }

void Tape::append(Step step) {
  const Node& node = step.node;
  if (definition(node.kind).is_view) {
    tensors_[node.outputs.front()].storage = tensors_[node.inputs.front()].storage;
  }
  steps_.push_back(std::move(step));
}

TensorId Tape::add_like(TensorId id, const std::string& name) {
  TapeTensor copy = tensors_[id];
  copy.tensor.name = unique(name);
  copy.storage = TensorId(tensors_.size());
  tensors_.push_back(std::move(copy));
  return TensorId(tensors_.size() - 1);
}

std::vector<TensorId> Tape::emit(const std::string& name, OpKind kind, std::vector<TensorId> inputs,
                                 Attributes attributes, Phase phase, std::optional<NodeId> origin) {
  const OpDefinition& entry = definition(kind);
  Step step{{unique(name), kind, std::move(attributes), std::move(inputs), {}}, phase, origin};
  Node& node = step.node;
  OpView view{node.name, kind, node.attributes, {}};
  for (const TensorId input : node.inputs) view.inputs.push_back(&tensors_[input].tensor.type);
  Types types = infer_types(view);
  const ValueKind value = phase == Phase::kBackward ? ValueKind::kGradient : ValueKind::kActivation;
  for (std::size_t i = 0; i < types.size(); ++i) {
    const TensorId id(tensors_.size());
    const std::string suffix =
        i < entry.outputs.size() ? std::string(entry.outputs[i]) : std::to_string(i);
    Tensor tensor{.name = i == 0 ? node.name : unique(fmt::format("{}.{}", node.name, suffix)),
                  .type = std::move(types[i])};
    const TensorId storage = entry.is_view ? tensors_[node.inputs.front()].storage : id;
    tensors_.push_back({std::move(tensor), value, storage});
    node.outputs.push_back(id);
  }
  steps_.push_back(std::move(step));
  return steps_.back().node.outputs;
}

TensorId Tape::add_source(const std::string& name, TensorType type, ValueKind kind, Fill fill) {
  const TensorId id(tensors_.size());
  const TensorKind tensor_kind =
      kind == ValueKind::kInput ? TensorKind::kConstant : TensorKind::kStatistics;
  Tensor tensor{.name = unique(name), .kind = tensor_kind, .type = std::move(type), .fill = fill};
  tensors_.push_back({std::move(tensor), kind, id});
  return id;
}

TensorId Tape::add_made(const std::string& name, TensorType type, ValueKind kind) {
  const TensorId id(tensors_.size());
  tensors_.push_back({{.name = name, .type = std::move(type)}, kind, id});
  return id;
}

void Tape::add_to_last(TensorId addend) {
  Node& node = steps_.back().node;
  ROCKMATE_CHECK(definition(node.kind).adds && !node.attributes.flag("adds"), node.name);
  node.inputs.push_back(addend);
  node.attributes.set("adds", true);
}

void Tape::insert_after(std::vector<std::pair<std::size_t, Step>> steps) {
  std::stable_sort(steps.begin(), steps.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Step> merged;
  merged.reserve(steps_.size() + steps.size());
  auto next = steps.begin();
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    merged.push_back(std::move(steps_[s]));
    for (; next != steps.end() && next->first == s; ++next) {
      merged.push_back(std::move(next->second));
    }
  }
  ROCKMATE_CHECK(next == steps.end());
  steps_ = std::move(merged);
}

std::vector<TensorId> sources_of(const Tape& tape) {
  IdVector<TensorId, char> seen(tape.tensors().size());
  std::vector<TensorId> sources;
  for (const Step& step : tape.steps()) {
    for (const TensorId t : step.node.inputs) {
      if (seen[t] == 0) sources.push_back(t);
      seen[t] = 1;
    }
    for (const TensorId t : step.node.outputs) seen[t] = 1;
  }
  return sources;
}

IdVector<TensorId, std::size_t> last_touches(const Tape& tape) {
  IdVector<TensorId, std::size_t> last(tape.tensors().size());
  for (std::size_t s = 0; s < tape.steps().size(); ++s) {
    const Node& node = tape.steps()[s].node;
    for (const TensorId t : node.inputs) last[tape[t].storage] = s;
    for (const TensorId t : node.outputs) last[tape[t].storage] = s;
  }
  return last;
}

}  // namespace rockmate
