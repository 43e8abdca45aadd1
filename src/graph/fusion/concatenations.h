// Concatenations of channels that are never stored: who reads one reads its pieces instead. A net
// whose layers read all that was made before (DenseNet) keeps and moves each piece once, not once
// per layer behind it.
#pragma once

#include <vector>

#include "graph/fusion/group.h"

namespace rockmate {

/// Where batch norms alone read a concatenation, its statistics are those of its pieces, one behind
/// another: each piece is read once for all layers.
void split_statistics(Tape& tape, const WantedTensors& wanted);

/// A concatenation of channels of float32 images.
[[nodiscard]] bool is_of_channels(const Tape& tape, const Node& node);

/// `steps` of the tape, with each concatenation that can be in all of its readers in there, and
/// with the slices of a gradient in the step that makes it. Convolutions read pieces of images of
/// `least_convolved` bytes and more.
[[nodiscard]] std::vector<Step> read_pieces(const Tape& tape, std::vector<Step> steps,
                                            const WantedTensors& wanted,
                                            Bytes least_convolved = Bytes(1 << 20));

}  // namespace rockmate
