// From a fractional solution of a formulation to reruns, after Checkmate's two-phase rounding:
// round what is kept from stage to stage; what runs again is then the least that is needed.
#pragma once

#include <optional>
#include <vector>

#include "checkmate/formulation.h"

namespace rockmate::checkmate {

/// The fastest reruns within the peak that one of several thresholds makes; nothing if none does.
[[nodiscard]] std::optional<Reruns> rounded(const StagedProblem& problem,
                                            const Formulation& formulation,
                                            const std::vector<double>& values, Limits limits);

}  // namespace rockmate::checkmate
