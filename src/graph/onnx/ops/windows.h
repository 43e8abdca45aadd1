// The attributes of convolutions and pooling: how a window slides over the spatial axes.
#pragma once

#include <vector>

#include "graph/onnx/node_call.h"

namespace rockmate::from_onnx {

struct Windows {
  std::vector<std::int64_t> kernel, strides, dilations;
  std::vector<std::int64_t> pads;  ///< all that come before, then all after

  [[nodiscard]] std::int64_t span(std::size_t d) const {
    return dilations[d] * (kernel[d] - 1) + 1;
  }
};

/// Of a node whose input 0 is an image; `kernel` where the weight tells it. auto_pad is resolved
/// for windows that slide over the input (`over_input`), else left to the caller with pads of 0.
[[nodiscard]] Windows windows_of(NodeCall& call, std::vector<std::int64_t> kernel,
                                 bool over_input = true);

/// One number per spatial axis, each within [least, 2^14], so that products cannot overflow.
[[nodiscard]] std::vector<std::int64_t> spatial_attribute(NodeCall& call,
                                                          std::string_view attribute,
                                                          std::size_t count, std::int64_t fallback,
                                                          std::int64_t least);

}  // namespace rockmate::from_onnx
