// Which ops work sample by sample.
#pragma once

#include <optional>
#include <vector>

#include "graph/op_table.h"
#include "graph/tape.h"

namespace rockmate {

/// Inputs whose first axis is the batch, rising, where each sample of all that the op makes comes
/// from the same sample of those, and from the other inputs as they are. Images of float32 alone,
/// of which each sample is a multiple of kAlignment. None: the op does not work so.
[[nodiscard]] std::optional<std::vector<std::size_t>> inputs_with_samples(const OpView& op,
                                                                          const Types& outputs,
                                                                          std::int64_t batch);
/// Of a step.
[[nodiscard]] std::optional<std::vector<std::size_t>> inputs_with_samples(const Tape& tape,
                                                                          const Node& node,
                                                                          std::int64_t batch);

}  // namespace rockmate
