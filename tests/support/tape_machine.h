// Runs a tape step by step on an engine, each tensor in a buffer of its own: for tests of passes
// over tapes, which have no model yet.
#pragma once

#include <vector>

#include "exec/engine.h"
#include "graph/tape.h"

namespace rockmate::testing {

/// The elements of float32 tensors. Sources begin as their data or with numbers that follow from
/// their ids, so that tapes of one graph agree.
[[nodiscard]] std::vector<std::vector<float>> run_tape(const Tape& tape, const Engine& engine,
                                                       const std::vector<TensorId>& wanted);

}  // namespace rockmate::testing
