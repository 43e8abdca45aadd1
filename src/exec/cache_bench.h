// How much of what was touched last the caches of this computer still hold, all together, with what
// other programs take of them.
#pragma once

#include "rockmate/units.h"

namespace rockmate {

/// By the time that passes over memory of 8 MiB, 12 MiB, ... take, up to `most`: the largest memory
/// that is nearer to the first than to the last, per byte; 8 MiB where all take about as long.
/// Takes some tenths of a second.
[[nodiscard]] Bytes measure_caches(int threads, Bytes most);

}  // namespace rockmate
