#include "graph/winograd.h"

#include <algorithm>

namespace rockmate {
namespace {

// The weight of a convolution in any of its three directions.
const Shape* weight_of(const Tape& tape, const Node& node) {
  switch (node.kind) {
    case OpKind::kConv:
    case OpKind::kConvTranspose:
      return &tape[node.inputs[1]].tensor.type.shape;
    case OpKind::kConvWeightGradient:
      return &tape[node.outputs[0]].tensor.type.shape;
    default:
      return nullptr;
  }
}

bool may(const Tape& tape, const Node& node) {
  const Shape* const weight = weight_of(tape, node);
  if (weight == nullptr || weight->size() != 4 || (*weight)[2] != 3 || (*weight)[3] != 3) {
    return false;
  }
  const auto are_ones = [&](std::string_view name) {
    const auto& list = node.attributes.integers(name);
    return std::all_of(list.begin(), list.end(), [](std::int64_t n) { return n == 1; });
  };
  return node.attributes.integer("groups", 1) == 1 && are_ones("strides") && are_ones("dilations");
}

}  // namespace

void allow_winograd(Tape& tape) {
  for (Step& step : tape.take_steps()) {
    if (may(tape, step.node)) step.node.attributes.set("winograd", true);
    tape.append(std::move(step));
  }
}

}  // namespace rockmate
