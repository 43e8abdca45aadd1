// Taking elements of an axis by a list of places: how reversed slices, reflected paddings and
// nearest-neighbour resizing come about where the op table has no op of its own for them.
#pragma once

#include <vector>

#include "graph/onnx/node_call.h"

namespace rockmate::from_onnx {

/// Element i of the axis is element places[i] of x.
[[nodiscard]] TensorId pick(NodeCall& call, TensorId x, std::size_t axis,
                            const std::vector<std::int64_t>& places);

/// `size`, if a list of so many places may be written out; rejects the node otherwise.
[[nodiscard]] std::int64_t checked_pick(std::int64_t size);

/// The one whole number of a known input.
[[nodiscard]] std::int64_t whole_number(NodeCall& call, std::size_t input, const char* what);

}  // namespace rockmate::from_onnx
