#include "graph/fusion/samples.h"

#include <algorithm>

#include "graph/fusion/group.h"
#include "graph/fusion/roles.h"
#include "graph/sliced_parts.h"
#include "rockmate/training_model.h"

namespace rockmate {
namespace {

using Inputs = std::optional<std::vector<std::size_t>>;

// Images of float32 of which each sample begins where an engine wants a tensor to begin.
bool has_samples(const TensorType& type, std::int64_t batch) {
  return type.dtype == DType::kFloat32 && type.format != MemoryFormat::kPacked &&
         type.shape.size() == 4 && type.shape.front() == batch &&
         type.bytes().count() % (batch * kAlignment.count()) == 0;
}

Inputs all_with_samples(const OpView& op, std::int64_t batch) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    if (has_samples(op.input(i), batch)) {
      found.push_back(i);
    } else if (op.rank(i) > 3 && op.shape(i).front() != 1) {
      return std::nullopt;
    }
  }
  return found;
}

// Slots of parts are inputs with samples, or made of them, or neither; each part agrees on that.
Inputs fused_with_samples(const OpView& op, std::int64_t batch) {
  const FusedParts& parts = op.attributes.parts();
  std::vector<const TensorType*> slots = op.inputs;
  std::vector<char> is_cut(op.inputs.size()), is_whole(op.inputs.size());
  for (const FusedPart& part : parts.parts) {
    OpView view{op.name, part.kind, part.attributes, {}};
    for (const std::size_t slot : part.inputs) view.inputs.push_back(slots[slot]);
    const Inputs own = inputs_with_samples(view, part.outputs, batch);
    if (!own) return std::nullopt;
    for (std::size_t i = 0; i < part.inputs.size(); ++i) {
      const bool is_among = std::ranges::binary_search(*own, i);
      const std::size_t slot = part.inputs[i];
      if (slot < is_cut.size()) {
        (is_among ? is_cut : is_whole)[slot] = 1;
      } else if (!is_among) {
        return std::nullopt;
      }
    }
    for (const TensorType& type : part.outputs) slots.push_back(&type);
  }
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < is_cut.size(); ++i) {
    if (is_cut[i] != 0 && is_whole[i] != 0) return std::nullopt;
    if (is_cut[i] != 0) found.push_back(i);
  }
  return found;
}

Inputs first_with_samples(const OpView& op, std::int64_t batch) {
  if (!has_samples(op.input(0), batch)) return std::nullopt;
  return std::vector<std::size_t>{0};
}

bool is_dilated(const Attributes& conv) {
  return std::ranges::any_of(conv.integers("dilations"), [](std::int64_t n) { return n != 1; });
}

// Dilated and transposed convolutions are cut by samples alone: few of those do not keep threads
// busy.
Inputs find(const OpView& op, std::int64_t batch) {
  switch (op.kind) {
    using enum OpKind;
    case kConv:
      if (is_dilated(op.attributes)) return std::nullopt;
      return first_with_samples(op, batch);
    case kBatchNormApply:
    case kMaxPool:
    case kAveragePool:
    case kResize:
      return first_with_samples(op, batch);
    case kConcat:
    case kSplit:
      if (op.attributes.integer("axis") == 0) return std::nullopt;
      return all_with_samples(op, batch);
    case kFused:
      if (is_sliced(op.attributes)) return std::nullopt;
      return fused_with_samples(op, batch);
    case kDropout:
      return std::nullopt;
    default:
      if (fusion_role(op.kind) != FusionRole::kPointwise) return std::nullopt;
      return all_with_samples(op, batch);
  }
}

}  // namespace

std::optional<std::vector<std::size_t>> inputs_with_samples(const OpView& op, const Types& outputs,
                                                            std::int64_t batch) {
  const bool makes_samples = !outputs.empty() && has_samples(outputs.front(), batch) &&
                             std::ranges::all_of(outputs, [&](const TensorType& type) {
                               return !type.shape.empty() && type.shape.front() == batch;
                             });
  if (!makes_samples || op.attributes.flag("adds")) return std::nullopt;
  Inputs found = find(op, batch);
  return found && !found->empty() ? found : std::nullopt;
}

std::optional<std::vector<std::size_t>> inputs_with_samples(const Tape& tape, const Node& node,
                                                            std::int64_t batch) {
  return inputs_with_samples(view_of(tape, node), output_types(tape, node), batch);
}

}  // namespace rockmate
