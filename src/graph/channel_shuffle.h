// The channel shuffle of ShuffleNet, as models write it down: channels are seen as groups, the two
// axes change places, and both are one axis again.
#pragma once

#include <optional>
#include <vector>

#include "graph/tape.h"

namespace rockmate {

/// reshape [N, C, H, W] -> [N, groups, C / groups, H, W]; transpose of axes 1 and 2; reshape to
/// [N, C, H, W]. Nobody else reads what lies between.
struct ChannelShuffle {
  TensorId image, result;
  std::int64_t groups = 0;
  std::size_t transpose = 0, join = 0;  ///< the second and the third step
};

/// A concatenation of as many equal pieces as there are groups, which the shuffle alone reads:
/// pixel by pixel, it takes a channel of each piece in turn. In ShuffleNet a split stands behind
/// it.
struct ShuffledConcatenation {
  std::vector<TensorId> pieces;
  std::size_t shuffle_at = 0;  ///< the step that begins it
  ChannelShuffle shuffle;
  std::optional<std::size_t> split;  ///< the step that alone reads the result: into whole groups
};

class ChannelShuffles {
 public:
  /// The steps outlive it.
  ChannelShuffles(const Tape& tape, const std::vector<Step>& steps);
  /// The one that begins at that step. Constant time.
  [[nodiscard]] std::optional<ChannelShuffle> at(std::size_t step) const;
  /// The one behind a concatenation that is that step. Constant time.
  [[nodiscard]] std::optional<ShuffledConcatenation> behind(std::size_t step) const;

 private:
  // The step that alone reads what the step makes, if it is of that kind.
  [[nodiscard]] std::optional<std::size_t> only_reader(std::size_t step, OpKind kind) const;

  const Tape& tape_;
  const std::vector<Step>& steps_;
  IdVector<TensorId, std::vector<std::size_t>> readers_;
};

}  // namespace rockmate
