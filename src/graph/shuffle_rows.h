// Channel shuffles of images that lie channels last, on rows of pixels.
#pragma once

#include <vector>

#include "graph/channel_shuffle.h"
#include "graph/tape.h"

namespace rockmate {

/// A transposition of the last two axes of [N, H, W, groups, C / groups], between views. `first` is
/// the step in whose place it runs.
void append_in_rows(Tape& tape, const ChannelShuffle& shuffle, const Step& first);

/// A concatenation of the pieces, each [N, H, W, C / groups, 1], along the last axis, and the split
/// of what it makes, if there is one: one pass where there were two, and no transposition. `steps`
/// are those in which it was found.
void append_in_rows(Tape& tape, const ShuffledConcatenation& found, const std::vector<Step>& steps);

}  // namespace rockmate
