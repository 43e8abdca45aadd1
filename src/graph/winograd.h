// Which convolutions may be computed by Winograd's algorithm.
#pragma once

#include "graph/tape.h"

namespace rockmate {

/// Sets the attribute `winograd` of 3 x 3 convolutions of stride 1 without groups, and of their
/// gradients. Linear in the tape.
void allow_winograd(Tape& tape);

}  // namespace rockmate
