// The one place where ops are declared. An entry says everything that is true of a kind of op
// before anything runs: its types, its work, what may be skipped or done in place, how its gradient
// is made. To add an op: an entry in a file under ops/, and a kernel per engine.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "rockmate/cost_model.h"
#include "rockmate/graph.h"

namespace rockmate {

class GradientScope;

/// A node as the functions of the table see it, before it has outputs.
struct OpView {
  std::string_view name;  ///< of the node, for messages
  OpKind kind;
  const Attributes& attributes;
  std::vector<const TensorType*> inputs;

  [[nodiscard]] const TensorType& input(std::size_t i) const { return *inputs[i]; }
  [[nodiscard]] const Shape& shape(std::size_t i) const { return inputs[i]->shape; }
  [[nodiscard]] std::size_t rank(std::size_t i) const { return inputs[i]->shape.size(); }
  [[nodiscard]] bool has(std::size_t i) const { return i < inputs.size(); }
  /// Throws InvalidInput: "op 'conv_1' (conv): <text>".
  [[noreturn]] void reject(const std::string& text) const;
};

using Types = std::vector<TensorType>;

/// Output `output` may be written over input `input` (where the sizes are equal).
struct MayOverwrite {
  std::size_t output = 0;
  std::size_t input = 0;
};

struct OpDefinition {
  OpKind kind = OpKind::kAdd;
  std::string_view name;
  std::size_t min_inputs = 1;
  std::size_t max_inputs = 1;
  /// Suffixes of the outputs' names; the first one's is empty for most.
  std::vector<std::string_view> outputs = {""};

  /// Types of the outputs; rejects what the op cannot take. Pure.
  Types (*infer)(const OpView& op) = nullptr;
  /// FLOPs of one run; null: one per element of the first output.
  double (*flops)(const OpView& op, const Types& outputs) = nullptr;
  /// Bytes read and written; null: all inputs and outputs, once each.
  Bytes (*traffic)(const OpView& op, const Types& outputs) = nullptr;
  /// Adds the gradients of the inputs; null: the op has none.
  void (*gradient)(GradientScope& scope) = nullptr;

  std::vector<std::size_t> optional = {};  ///< outputs that one run may skip
  std::vector<MayOverwrite> in_place = {};
  std::vector<std::size_t> updates = {};               ///< inputs that it overwrites: it runs once
  std::vector<std::string_view> free_attributes = {};  ///< that do not change the cost
  bool is_matrix = false;                              ///< counts at the matrix rate
  bool is_view = false;                                ///< the output is a view of input 0
  bool is_loss = false;                                ///< belongs to the phase loss
  /// An optional last input is added to the output, which may take its storage: a sum of gradients
  /// needs no op of its own.
  bool adds = false;
};

/// Relu to softplus, and their gradients: element by element, whatever lies beside.
[[nodiscard]] constexpr bool is_activation(OpKind kind) {
  using enum OpKind;
  return (kRelu <= kind && kind <= kSoftplus) ||
         (kReluGradient <= kind && kind <= kSoftplusGradient);
}

/// The entry of a kind. Constant time.
[[nodiscard]] const OpDefinition& definition(OpKind kind);

// What is true of a node: as the entry of its kind says, or, of a fused op, what its parts allow.
[[nodiscard]] std::vector<std::size_t> optional_outputs(OpKind kind, const Attributes& attributes);
/// Pairs of equal sizes, that with an addend first.
[[nodiscard]] std::vector<MayOverwrite> in_place_pairs(const OpView& op, const Types& outputs);

/// Checks the number of inputs, then infers. Throws InvalidInput that names the op.
[[nodiscard]] Types infer_types(const OpView& op);
[[nodiscard]] Work work_of(const OpView& op, const Types& outputs);
/// Those that change the cost.
[[nodiscard]] Attributes counted_attributes(OpKind kind, const Attributes& attributes);
/// "relu(float32[8, 16])": kind, input types, attributes that matter.
[[nodiscard]] std::string signature_of(const OpView& op);

}  // namespace rockmate
