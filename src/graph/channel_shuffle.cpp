#include "graph/channel_shuffle.h"

#include <algorithm>

namespace rockmate {

ChannelShuffles::ChannelShuffles(const Tape& tape, const std::vector<Step>& steps)
    : tape_(tape), steps_(steps), readers_(tape.tensors().size()) {
  for (std::size_t s = 0; s < steps.size(); ++s) {
    for (const TensorId t : steps[s].node.inputs) readers_[t].push_back(s);
  }
}

std::optional<std::size_t> ChannelShuffles::only_reader(std::size_t step, OpKind kind) const {
  const std::vector<std::size_t>& readers = readers_[steps_[step].node.outputs.front()];
  if (readers.size() != 1 || steps_[readers.front()].node.kind != kind) return std::nullopt;
  return readers.front();
}

std::optional<ChannelShuffle> ChannelShuffles::at(std::size_t step) const {
  const Node& split = steps_[step].node;
  if (split.kind != OpKind::kReshape) return std::nullopt;
  const auto transpose = only_reader(step, OpKind::kTranspose);
  const auto join = transpose ? only_reader(*transpose, OpKind::kReshape) : std::nullopt;
  if (!join) return std::nullopt;
  const TensorId image = split.inputs.front();
  const TensorId result = steps_[*join].node.outputs.front();
  const Shape& shape = tape_[image].tensor.type.shape;
  const Shape& groups = tape_[split.outputs.front()].tensor.type.shape;
  if (shape.size() != 4 || groups.size() != 5) return std::nullopt;
  const Shape expected = {shape[0], groups[1], groups[2], shape[2], shape[3]};
  const std::vector<std::int64_t> swap = {0, 2, 1, 3, 4};
  const bool fits = groups == expected && tape_[result].tensor.type.shape == shape &&
                    steps_[*transpose].node.attributes.integers("permutation") == swap;
  if (!fits) return std::nullopt;
  return ChannelShuffle{image, result, groups[1], *transpose, *join};
}

std::optional<ShuffledConcatenation> ChannelShuffles::behind(std::size_t step) const {
  const Node& concat = steps_[step].node;
  if (concat.kind != OpKind::kConcat || concat.attributes.integer("axis") != 1) return std::nullopt;
  const auto reshape = only_reader(step, OpKind::kReshape);
  const auto shuffle = reshape ? at(*reshape) : std::nullopt;
  const auto is_group = [&](TensorId t) {
    const Shape& shape = tape_[shuffle->image].tensor.type.shape;
    return tape_[t].tensor.type.shape[1] * shuffle->groups == shape[1];
  };
  if (!shuffle || !std::ranges::all_of(concat.inputs, is_group)) return std::nullopt;
  ShuffledConcatenation found{concat.inputs, *reshape, *shuffle, std::nullopt};
  const auto split = only_reader(shuffle->join, OpKind::kSplit);
  if (!split || steps_[*split].node.attributes.integer("axis") != 1) return found;
  const bool is_whole =
      std::ranges::all_of(steps_[*split].node.attributes.integers("sizes"),
                          [&](std::int64_t size) { return size % shuffle->groups == 0; });
  if (is_whole) found.split = split;
  return found;
}

}  // namespace rockmate
