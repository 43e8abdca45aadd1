// Steps of large images one behind another become sliced ops (graph/sliced_parts.h): each goes
// through the batch a few samples at a time, so that what its parts hand to each other stays in the
// caches and takes the bytes of a slice. Steps of small images with large weights stay whole.
#pragma once

#include "graph/fusion/group.h"
#include "graph/fusion/slice_costs.h"

namespace rockmate {

/// Of an iteration that trains nothing, in which nothing ever runs twice. It needs no more bytes
/// than before: fused ops part by part, outputs in place of inputs that die; sources and workspaces
/// of single ops apart.
void slice_batches(Tape& tape, const WantedTensors& wanted, const SliceLimits& limits = {});

}  // namespace rockmate
