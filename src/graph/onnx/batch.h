// Following another batch than the exported one. A file may state its batch in constants: reshape
// targets like [8 * 196, 768], class tokens expanded to [8, 1, 768]. Such a model is imported
// twice; the first import, at the file's own batch, tells what every shape was, and the second one
// moves the extents that hold the batch.
#pragma once

#include "graph/onnx/node_call.h"

namespace rockmate::from_onnx {

/// The shape that input 0 is reshaped to. `target` is what the model states, with -1 and 0 resolved
/// against the present input, `stated` what it says literally. Where it has not followed the batch
/// by itself, the extent is scaled that holds the axis which grew. Throws InvalidInput where no
/// extent can.
[[nodiscard]] Shape reshape_target(NodeCall& call, const std::vector<std::int64_t>& stated,
                                   Shape target);

/// The shape that input 0 is expanded to: axes that grew with the batch follow it.
[[nodiscard]] Shape expand_target(NodeCall& call, const std::vector<std::int64_t>& stated,
                                  Shape target);

/// A constant, all of whose elements are equal and whose first extent is the exported batch, grows
/// with it: a first hidden state of zeros.
[[nodiscard]] Constant follow_constant(NodeCall& call, Constant constant);

/// Parts of a concatenation that kept the exported batch of 1 are expanded to that of the others.
[[nodiscard]] std::vector<TensorId> concat_parts(NodeCall& call, std::vector<TensorId> parts,
                                                 std::size_t axis);

}  // namespace rockmate::from_onnx
