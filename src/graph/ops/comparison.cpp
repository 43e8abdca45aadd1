// Comparisons and logic: bool results, no gradients.

#include "graph/ops/families.h"
#include "graph/ops/shapes.h"

namespace rockmate {
namespace {

Types infer_comparison(const OpView& op) {
  require_same_dtype(op, 0, 1);
  return {{DType::kBool, broadcast(op, op.shape(0), op.shape(1))}};
}

Types infer_logic(const OpView& op) {
  for (const TensorType* input : op.inputs) {
    if (input->dtype != DType::kBool) {
      op.reject("an operand is " + to_string(*input) + ", expected bool");
    }
  }
  if (op.inputs.size() == 1) return {op.input(0)};
  return {{DType::kBool, broadcast(op, op.shape(0), op.shape(1))}};
}

}  // namespace

void add_comparison_ops(OpDefinitions& table) {
  using enum OpKind;
  struct Entry {
    OpKind kind;
    std::string_view name;
  };
  for (const auto& [kind, name] :
       {Entry{kEqual, "equal"}, Entry{kLess, "less"}, Entry{kLessOrEqual, "less_or_equal"},
        Entry{kGreater, "greater"}, Entry{kGreaterOrEqual, "greater_or_equal"}}) {
    table.push_back(
        {.kind = kind, .name = name, .min_inputs = 2, .max_inputs = 2, .infer = infer_comparison});
  }
  for (const auto& [kind, name] : {Entry{kAnd, "and"}, Entry{kOr, "or"}}) {
    table.push_back({.kind = kind,
                     .name = name,
                     .min_inputs = 2,
                     .max_inputs = 2,
                     .infer = infer_logic,
                     .in_place = {{0, 0}, {0, 1}}});
  }
  table.push_back({.kind = kNot, .name = "not", .infer = infer_logic, .in_place = {{0, 0}}});
}

}  // namespace rockmate
