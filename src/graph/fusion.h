// Fusion: steps of a tape that hand tensors to each other become one step of kind kFused, so that
// what stays between them costs neither bytes nor time. What is fused, and what is not:
// papers/fusion.md.
#pragma once

#include "graph/fusion/group.h"
#include "graph/tape.h"

namespace rockmate {

/// The plain iteration never needs more bytes than before (fused ops run part by part; sources and
/// workspaces of single ops apart), and no bit of a wanted tensor changes.
void fuse(Tape& tape, const WantedTensors& wanted);

}  // namespace rockmate
