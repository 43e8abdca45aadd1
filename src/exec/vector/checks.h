// Whole numbers that choose among rows or classes, looked over by the device before they are used.
#pragma once

#include "exec/vector/kernel.h"

namespace rockmate::vector {

/// Counts those that are not ignored. Throws InvalidInput ("op 'x': index 3 is 9, expected ...")
/// where one lies outside [0, below); `noun` is what it is called. 1 where nothing is executed.
[[nodiscard]] long check_indices(const Call& call, const std::string& op, const char* noun,
                                 ve::CheckArguments arguments);

}  // namespace rockmate::vector
