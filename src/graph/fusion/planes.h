// Images in planes, as they are given from outside, whose only reader goes through rows of windows:
// it may read them as they lie, and they need not be brought into channels last.
#pragma once

#include <vector>

#include "graph/fusion/group.h"

namespace rockmate {

/// `steps` of the tape without the transpositions before convolutions in bands of rows.
[[nodiscard]] std::vector<Step> read_planes(const Tape& tape, std::vector<Step> steps,
                                            const WantedTensors& wanted);

}  // namespace rockmate
