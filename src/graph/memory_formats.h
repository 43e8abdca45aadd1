// Memory formats of a finished tape: images lie channels last wherever that suits the ops around
// them. What is given from outside, and what is given back, stays row-major.
#pragma once

#include <vector>

#include "graph/tape.h"

namespace rockmate {

/// `row_major` are tensors that stay so. Linear in the tape.
void lay_channels_last(Tape& tape, const std::vector<TensorId>& row_major);

}  // namespace rockmate
