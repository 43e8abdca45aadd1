// Which ops round what they multiply to bfloat16, where the engine can.
#pragma once

#include "graph/tape.h"

namespace rockmate {

/// Sets the attribute `bf16` of the ops that count at the matrix rate: convolutions, linear layers,
/// products of matrices and their gradients. Linear in the tape.
void allow_bf16(Tape& tape);

}  // namespace rockmate
