// Fewer points of a staircase, each of which can still be reached.
#pragma once

#include "rotor/staircase.h"

namespace rockmate {

/// Of neighbours that differ by at most `tolerance` times the seconds which the slowest of them
/// takes over the fastest of all, the slowest stays: it needs the fewest bytes. The first and the
/// last point of the staircase stay. 0 leaves everything.
[[nodiscard]] rotor::Staircase thinned(const rotor::Staircase& points, double tolerance);

/// Thinned until it has at most `most` >= 2 points.
[[nodiscard]] rotor::Staircase thinned_to(rotor::Staircase points, std::size_t most);

}  // namespace rockmate
