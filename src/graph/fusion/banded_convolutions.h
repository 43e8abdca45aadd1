// A depthwise convolution with the 1x1 convolutions around it, each with a batch norm and a clamp
// behind it, as the parts of one op: the blocks of small networks. Before the first block stands a
// convolution of a few colours, which may take the place of the 1x1 one; or it stands before a max
// pooling, in place of the depthwise convolution. A row of the result comes from a few rows of what
// stands before it, so that an engine can go through the image in bands of rows, and none of the
// wide images between the convolutions is ever stored.
#pragma once

#include <optional>
#include <vector>

#include "rockmate/graph.h"

namespace rockmate {

/// clamp(line(convolution) + addend). Operands are slots of the op's inputs.
struct BandStage {
  /// The result plus, minus or times one number per channel, or one for all.
  struct Step {
    OpKind kind;  ///< kAdd, kSub or kMul
    std::size_t operand;
    bool is_scalar;
  };
  std::size_t part;    ///< the convolution
  std::size_t weight;  ///< [out, in, rows, columns]
  std::optional<std::size_t> bias = std::nullopt;
  std::vector<Step> line = {};  ///< step by step
  std::optional<std::size_t> addend = std::nullopt;
  double low, high;  ///< none: infinities
  bool is_clamped = false;
  bool is_pointwise = false;  ///< each pixel from all channels of the same one
};

/// The stages hand on images of [batch, channels, rows, columns] that lie channels last, in
/// float32; what the first one reads may be row-major if that is `expand`, of a window. One of the
/// two outer ones may be missing.
struct BandedConvolutions {
  std::size_t x;                            ///< the input of the first stage
  std::optional<BandStage> expand = {};     ///< of few channels in a window, or 1x1; no addend
  std::optional<BandStage> depthwise = {};  ///< no addend; or
  std::optional<std::size_t> pool = {};     ///< a max pooling, the last part, behind a window
  std::optional<BandStage> project = {};    ///< 1x1, without strides and pads; may have an addend

  /// The part of the depthwise convolution, or the pooling.
  [[nodiscard]] std::size_t middle() const { return pool ? *pool : depthwise->part; }
};

/// None: the parts are others. The last part makes the only output.
[[nodiscard]] std::optional<BandedConvolutions> banded_convolutions(
    const FusedParts& parts, const std::vector<const TensorType*>& inputs);

/// Bytes of the images between the stages: those that need not be stored.
[[nodiscard]] Bytes bytes_between(const FusedParts& parts, const BandedConvolutions& found);

}  // namespace rockmate
