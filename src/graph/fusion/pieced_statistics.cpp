#include <algorithm>
#include <map>
#include <utility>

#include "graph/fusion/concatenations.h"

namespace rockmate {
namespace {

bool has(const auto& list, const auto& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

}  // namespace

void split_statistics(Tape& tape, const WantedTensors& wanted) {
  std::map<TensorId, Node> concats;
  std::map<TensorId, bool> is_normed;  // nobody but norms reads it
  for (const Step& step : tape.steps()) {
    const Node& node = step.node;
    for (const TensorId t : node.inputs) {
      const bool is_norm = node.kind == OpKind::kBatchNormStatistics ||
                           node.kind == OpKind::kBatchNormApply ||
                           (node.kind == OpKind::kBatchNormGradient && t == node.inputs[1]);
      is_normed.try_emplace(t, true).first->second &= is_norm;
    }
    if (is_of_channels(tape, node)) concats.emplace(node.outputs.front(), node);
  }
  std::map<TensorId, std::pair<TensorId, TensorId>> known;  // mean and variance of pieces
  std::vector<Step> steps;
  for (Step& step : tape.take_steps()) {
    const auto concat = step.node.kind == OpKind::kBatchNormStatistics
                            ? concats.find(step.node.inputs.front())
                            : concats.end();
    if (concat == concats.end() || !is_normed[concat->first] ||
        has(wanted.visible, concat->first) || has(wanted.results, concat->first)) {
      steps.push_back(std::move(step));
      continue;
    }
    Node mean{
        tape.unique(step.node.name + ".mean"), OpKind::kConcat, {}, {}, {step.node.outputs[0]}};
    Node variance{
        tape.unique(step.node.name + ".variance"), OpKind::kConcat, {}, {}, {step.node.outputs[1]}};
    for (const TensorId piece : concat->second.inputs) {
      if (!known.contains(piece)) {
        const Shape channels = {tape[piece].tensor.type.shape[1]};
        const std::string name = tape.unique(tape[piece].tensor.name + ".statistics");
        const auto add = [&](const char* which) {
          return tape.add_made(tape.unique(name + which), {DType::kFloat32, channels},
                               ValueKind::kActivation);
        };
        known[piece] = {add(".mean"), add(".variance")};
        steps.push_back({{name,
                          OpKind::kBatchNormStatistics,
                          step.node.attributes,
                          {piece},
                          {known[piece].first, known[piece].second}},
                         step.phase,
                         step.origin});
      }
      mean.inputs.push_back(known[piece].first);
      variance.inputs.push_back(known[piece].second);
    }
    for (Node* node : {&mean, &variance}) {
      node->attributes.set("axis", std::int64_t{0});
      steps.push_back({std::move(*node), step.phase, step.origin});
    }
  }
  tape.set_steps(std::move(steps));
}

}  // namespace rockmate
