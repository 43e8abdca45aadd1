// The Vector Engine's intrinsics on the host: a subset of LLVM's velintrin.h, name by name and
// signature by signature, executed on registers of 256 elements of 64 bits. Kernels include
// <velintrin.h> and get this file, or LLVM's own where they are compiled for the Vector Engine.
//
// Letters of the names, as there: v vector, s scalar, m mask of 256, l vector length; the first one
// is the result. A scalar of a packed instruction is a pair, upper half first. Single-precision
// elements are the upper halves of theirs.
//
// Fused steps round once, as the Vector Engine's do. `_vel_vfcmpd` and `_vel_vcmpsl` give a number
// of the comparison's sign.
#pragma once

#include "exec/vector/shim/instructions.h"
#include "exec/vector/shim/memory_instructions.h"
