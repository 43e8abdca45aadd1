#include "graph/op_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "graph/fused_layout.h"
#include "graph/ops/families.h"
#include "graph/sliced_parts.h"
#include "rockmate/error.h"

namespace rockmate {
namespace {

OpDefinitions make_table() {
  OpDefinitions entries;
  for (const auto add :
       {add_convolution_ops, add_linear_ops, add_normalization_ops, add_pooling_ops,
        add_activation_ops, add_softmax_ops, add_random_ops, add_indexing_ops, add_part_ops,
        add_movement_ops, add_resize_ops, add_arithmetic_ops, add_comparison_ops, add_unary_ops,
        add_reduction_ops, add_loss_ops, add_optimizer_ops, add_fused_ops, add_communication_ops}) {
    add(entries);
  }
  OpDefinitions table(kOpKinds);
  for (OpDefinition& entry : entries) {
    OpDefinition& place = table[static_cast<std::size_t>(entry.kind)];
    ROCKMATE_CHECK(place.infer == nullptr, std::string(entry.name) + " is declared twice");
    ROCKMATE_CHECK(entry.infer != nullptr, std::string(entry.name) + " infers no types");
    place = std::move(entry);
  }
  for (std::size_t k = 0; k < kOpKinds; ++k) {
    ROCKMATE_CHECK(table[k].infer != nullptr, fmt::format("op kind {} has no entry", k));
  }
  return table;
}

// The view without the addend, which no function of the table is to see.
OpView without_addend(const OpView& op) {
  OpView view = op;
  if (op.attributes.flag("adds")) view.inputs.pop_back();
  return view;
}

// Whether that holds for the op, or for a part of a fused one.
template <class Test>
bool any_part(OpKind kind, const Attributes& attributes, const Test& holds) {
  if (kind != OpKind::kFused) return holds(kind, attributes);
  const auto& parts = attributes.parts().parts;
  return std::any_of(parts.begin(), parts.end(), [&](const FusedPart& part) {
    return any_part(part.kind, part.attributes, holds);
  });
}

bool is_matrix(OpKind kind, const Attributes&) { return definition(kind).is_matrix; }
bool is_rounded(OpKind, const Attributes& attributes) { return attributes.flag("bf16"); }

}  // namespace

const OpDefinition& definition(OpKind kind) {
  static const OpDefinitions table = make_table();
  return table[static_cast<std::size_t>(kind)];
}

std::vector<std::size_t> optional_outputs(OpKind kind, const Attributes& attributes) {
  return kind == OpKind::kFused ? attributes.parts().optional : definition(kind).optional;
}

std::vector<MayOverwrite> in_place_pairs(const OpView& op, const Types& outputs) {
  if (is_sliced(op.attributes)) return {};  // a later slice may need what is there
  if (op.kind == OpKind::kFused) return FusedLayout(op.attributes.parts(), op.inputs).in_place();
  std::vector<MayOverwrite> pairs = definition(op.kind).in_place;
  if (op.attributes.flag("adds")) pairs.insert(pairs.begin(), {0, op.inputs.size() - 1});
  std::erase_if(pairs, [&](const MayOverwrite& pair) {
    return pair.input >= op.inputs.size() || pair.output >= outputs.size() ||
           op.input(pair.input).bytes() != outputs[pair.output].bytes();
  });
  return pairs;
}

std::string_view to_string(OpKind kind) { return definition(kind).name; }

std::optional<OpKind> parse_op_kind(std::string_view word) {
  for (std::size_t k = 0; k < kOpKinds; ++k) {
    const auto kind = static_cast<OpKind>(k);
    if (definition(kind).name == word) return kind;
  }
  return std::nullopt;
}

void OpView::reject(const std::string& text) const {
  throw InvalidInput(fmt::format("op '{}' ({}): {}", name, to_string(kind), text));
}

Types infer_types(const OpView& op) {
  const OpDefinition& entry = definition(op.kind);
  const bool adds = op.attributes.flag("adds");
  if (adds && (!entry.adds || op.inputs.empty())) op.reject("takes no addend");
  const OpView plain = without_addend(op);
  if (plain.inputs.size() < entry.min_inputs || plain.inputs.size() > entry.max_inputs) {
    op.reject(entry.min_inputs == entry.max_inputs
                  ? fmt::format("{} inputs, expected {}", plain.inputs.size(), entry.min_inputs)
                  : fmt::format("{} inputs, expected {} to {}", plain.inputs.size(),
                                entry.min_inputs, entry.max_inputs));
  }
  try {
    Types types = entry.infer(plain);
    if (adds && *op.inputs.back() != types.front()) {
      op.reject(fmt::format("the addend is {}, expected {}", to_string(*op.inputs.back()),
                            to_string(types.front())));
    }
    for (const TensorType& type : types) static_cast<void>(type.bytes());  // rejects overflows
    return types;
  } catch (const InvalidInput& error) {
    const std::string text = error.what();
    if (text.starts_with("op '")) throw;
    op.reject(text);
  }
}

Attributes counted_attributes(OpKind kind, const Attributes& attributes) {
  const auto& free = definition(kind).free_attributes;
  Attributes counted;
  for (const auto& [name, value] : attributes) {
    if (std::find(free.begin(), free.end(), name) == free.end()) counted.set(name, value);
  }
  return counted;
}

Work work_of(const OpView& op, const Types& outputs) {
  const OpDefinition& entry = definition(op.kind);
  const OpView plain = without_addend(op);
  Work work;
  if (entry.is_view) return work;
  work.is_matrix = any_part(op.kind, op.attributes, is_matrix);
  const bool has_input = !op.inputs.empty();
  const DType dtype = has_input ? op.inputs.front()->dtype : outputs.front().dtype;
  work.is_half = dtype == DType::kFloat16 || dtype == DType::kBFloat16 ||
                 any_part(op.kind, op.attributes, is_rounded);
  if (entry.flops != nullptr) {
    work.flops = entry.flops(plain, outputs);
  } else if (!outputs.empty()) {
    work.flops = static_cast<double>(element_count(outputs.front().shape));
  }
  if (entry.traffic != nullptr) {
    work.traffic = entry.traffic(plain, outputs);
  } else {
    for (const TensorType* input : plain.inputs) work.traffic += input->bytes();
    for (const TensorType& output : outputs) work.traffic += output.bytes();
  }
  if (plain.inputs.size() != op.inputs.size()) {
    work.traffic += op.inputs.back()->bytes();
    work.flops += static_cast<double>(element_count(op.inputs.back()->shape));
  }
  return work;
}

std::string signature_of(const OpView& op) {
  const OpDefinition& entry = definition(op.kind);
  std::string types;
  for (const TensorType* input : op.inputs) {
    types += fmt::format("{}{}", types.empty() ? "" : ", ", to_string(*input));
  }
  const std::string attributes = to_string(counted_attributes(op.kind, op.attributes));
  return fmt::format("{}({}{}{})", entry.name, types, attributes.empty() ? "" : "; ", attributes);
}

}  // namespace rockmate
