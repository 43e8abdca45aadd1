// The instruction sets for which vectorized sources are compiled, besides the compiler's baseline:
// to be included before Highway. One binary picks the best of them when it runs.
#pragma once

#include <hwy/base.h>

// Older ones than AVX2 run what is written for the baseline.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4)
