// Dropout of what has no negative elements, as softmax makes it. One tensor tells what went in and
// what comes out, if what is dropped has a minus sign: so one is kept where there were two, and the
// random numbers are drawn once.
#pragma once

#include "graph/fusion/group.h"

namespace rockmate {

/// Where products alone read a dropout of a softmax whose output is kept for its gradient, the
/// dropout negates, and who read either tensor makes it again from that one. No bit of a wanted
/// tensor changes.
void sign_dropouts(Tape& tape, const WantedTensors& wanted);

}  // namespace rockmate
