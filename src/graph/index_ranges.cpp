#include "graph/index_ranges.h"

#include <algorithm>

namespace rockmate {
namespace {

using Ranges = IdVector<ValueId, std::optional<IndexRange>>;

void restrict_to(std::optional<IndexRange>& range, const IndexRange& other) {
  if (!range) {
    range = other;
    return;
  }
  range->below = std::min(range->below, other.below);
  if (range->ignored != other.ignored) range->ignored.reset();
}

bool moves_elements(OpKind kind) {
  constexpr OpKind kMoves[] = {OpKind::kReshape, OpKind::kTranspose, OpKind::kSlice,
                               OpKind::kSplit,   OpKind::kExpand,    OpKind::kConcat,
                               OpKind::kCast,    OpKind::kGather};
  return std::find(std::begin(kMoves), std::end(kMoves), kind) != std::end(kMoves);
}

// What the kernel asks of its inputs, given what is asked of its outputs.
void visit(const TrainingModel& model, const Kernel& kernel, Ranges& ranges) {
  const auto choices = [&] {
    const auto axis = static_cast<std::size_t>(kernel.attributes.integer("axis"));
    return model.types[kernel.inputs[0]].shape[axis];
  };
  if (kernel.kind == OpKind::kGather) {
    restrict_to(ranges[kernel.inputs[1]], {choices(), std::nullopt});
  } else if (kernel.kind == OpKind::kCrossEntropy) {
    restrict_to(ranges[kernel.inputs[1]], {choices(), kernel.attributes.integer("ignore_index")});
  } else if (kernel.kind == OpKind::kBinaryCrossEntropy) {
    restrict_to(ranges[kernel.inputs[1]], {2, std::nullopt});
  }
  if (!moves_elements(kernel.kind)) return;
  for (const ValueId output : kernel.outputs) {
    if (!ranges[output]) continue;
    const std::size_t parts = kernel.kind == OpKind::kConcat ? kernel.inputs.size() : 1;
    for (std::size_t i = 0; i < parts; ++i) restrict_to(ranges[kernel.inputs[i]], *ranges[output]);
  }
}

}  // namespace

void note_index_ranges(TrainingModel& model) {
  Ranges ranges(model.types.size());
  for (std::size_t k = model.kernels.size(); k-- > 0;) {
    visit(model, model.kernels[OpId(k)], ranges);
  }
  for (Source& source : model.sources) {
    if (source.is_given) source.indices = ranges[source.value];
  }
}

}  // namespace rockmate
