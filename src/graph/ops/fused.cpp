// A fused op is made of parts (graph.h), each of a kind of its own: attribute "parts". It moves
// what goes in and comes out, and what a part moves beyond its operands and results, such as a
// second pass over them; what stays inside costs no bytes.

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "graph/fused_layout.h"
#include "graph/ops/families.h"
#include "graph/sliced_parts.h"

namespace rockmate {
namespace {

// Calls visit(part, its view) for all parts.
template <class Visit>
void for_each_part(const OpView& op, const Visit& visit) {
  const FusedParts& parts = op.attributes.parts();
  std::vector<const TensorType*> slots = op.inputs;
  for (const FusedPart& part : parts.parts) {
    OpView view{op.name, part.kind, part.attributes, {}};
    for (const std::size_t slot : part.inputs) {
      if (slot >= slots.size()) op.reject(fmt::format("a part reads ${}, which is not made", slot));
      view.inputs.push_back(slots[slot]);
    }
    visit(part, view);
    for (const TensorType& type : part.outputs) slots.push_back(&type);
  }
}

// Parts of a sliced op may be fused ops.
void check_part(const OpView& op, const FusedPart& part, const OpView& view, bool may_nest) {
  const bool is_nested = part.kind == OpKind::kFused;
  const bool may_be_part =
      is_nested ? may_nest && !is_sliced(part.attributes)
                : !definition(part.kind).is_view && definition(part.kind).updates.empty();
  if (!may_be_part) op.reject(fmt::format("{} cannot be a part", to_string(part.kind)));
  if (infer_types(view) != part.outputs) {
    op.reject(fmt::format("part {} has other outputs than stated", to_string(part.kind)));
  }
}

// That the parts make of a slice what they are to make.
void check_slice(const OpView& op) {
  const BatchSlice slice(op.attributes, op.inputs);
  const Attributes attributes = {{"parts", slice.parts}};
  for_each_part(
      {op.name, op.kind, attributes, slice.input_types()},
      [&](const FusedPart& part, const OpView& view) { check_part(op, part, view, true); });
}

Types infer_fused(const OpView& op) {
  const FusedParts& parts = op.attributes.parts();
  if (parts.inputs != op.inputs.size() || parts.parts.empty() || parts.outputs.empty()) {
    op.reject(
        fmt::format("{} inputs, {} parts and {} outputs, expected {} inputs, and some of both",
                    parts.inputs, parts.parts.size(), parts.outputs.size(), op.inputs.size()));
  }
  Types made;
  for_each_part(op, [&](const FusedPart& part, const OpView& view) {
    check_part(op, part, view, is_sliced(op.attributes));
    made.insert(made.end(), part.outputs.begin(), part.outputs.end());
  });
  if (is_sliced(op.attributes)) check_slice(op);
  Types outputs;
  for (const std::size_t slot : parts.outputs) {
    if (slot < parts.inputs || slot - parts.inputs >= made.size()) {
      op.reject(fmt::format("the output ${} is made by no part", slot));
    }
    outputs.push_back(made[slot - parts.inputs]);
  }
  return outputs;
}

double fused_flops(const OpView& op, const Types&) {
  double flops = 0;
  for_each_part(op, [&](const FusedPart& part, const OpView& view) {
    flops += work_of(view, part.outputs).flops;
  });
  return flops;
}

Bytes fused_traffic(const OpView& op, const Types& outputs) {
  Bytes traffic;
  for (const TensorType* input : op.inputs) traffic += input->bytes();
  for (const TensorType& output : outputs) traffic += output.bytes();
  for_each_part(op, [&](const FusedPart& part, const OpView& view) {
    Bytes once;
    for (const TensorType* input : view.inputs) once += input->bytes();
    for (const TensorType& output : part.outputs) once += output.bytes();
    traffic += std::max(work_of(view, part.outputs).traffic - once, Bytes());
  });
  return traffic;
}

}  // namespace

void add_fused_ops(OpDefinitions& table) {
  table.push_back({.kind = OpKind::kFused,
                   .name = "fused",
                   .min_inputs = 0,
                   .max_inputs = std::numeric_limits<std::size_t>::max(),
                   .infer = infer_fused,
                   .flops = fused_flops,
                   .traffic = fused_traffic});
}

std::string to_string(const FusedParts& parts) {
  std::string text;
  std::size_t next = parts.inputs;
  for (const FusedPart& part : parts.parts) {
    std::string operands;
    for (const std::size_t slot : part.inputs) {
      operands += fmt::format("{}${}", operands.empty() ? "" : ", ", slot);
    }
    const std::string attributes = to_string(counted_attributes(part.kind, part.attributes));
    text += fmt::format("{}${}={}({}{}{})", text.empty() ? "" : " ", next, to_string(part.kind),
                        operands, attributes.empty() ? "" : "; ", attributes);
    next += part.outputs.size();
  }
  for (std::size_t o = 0; o < parts.outputs.size(); ++o) {
    text += fmt::format("{}${}", o == 0 ? " -> " : ", ", parts.outputs[o]);
  }
  return text;
}

}  // namespace rockmate
