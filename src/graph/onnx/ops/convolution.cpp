// Conv and ConvTranspose, of any number of spatial axes.

#include <fmt/format.h>

#include <algorithm>

#include "graph/onnx/ops/importers.h"
#include "graph/onnx/ops/windows.h"

namespace rockmate::from_onnx {
namespace {

std::vector<std::int64_t> kernel_of(NodeCall& call) {
  const Shape& weight = call.shape(1);
  if (weight.size() < 3) {
    NodeCall::reject(
        fmt::format("the weight has the shape {}, expected at least 3 axes", to_string(weight)));
  }
  return {weight.begin() + 2, weight.end()};
}

ConvOptions options_of(const NodeCall& call, const Windows& windows) {
  ConvOptions options;
  options.stride = windows.strides;
  options.padding = windows.pads;
  options.dilation = windows.dilations;
  options.groups = call.integer("group", 1);
  if (options.groups < 1 || options.groups > kMostElements) {
    NodeCall::reject(fmt::format("group is {}, expected a number >= 1", options.groups));
  }
  return options;
}

// The groups times the weight's channels must not overflow; the builder checks that they fit.
void check_groups(NodeCall& call, const ConvOptions& options) {
  if (options.groups > std::max<std::int64_t>(call.shape(0)[1], 1)) {
    NodeCall::reject(fmt::format("group is {}, and the input {} has {} channels", options.groups,
                                 to_string(call.shape(0)), call.shape(0)[1]));
  }
}

void import_conv(NodeCall& call) {
  const Windows windows = windows_of(call, kernel_of(call));
  const ConvOptions options = options_of(call, windows);
  check_groups(call, options);
  const TensorId x = call.tensor(0);
  const TensorId weight = call.tensor(1);
  const auto bias = call.optional_tensor(2);
  call.set(call.b().conv(x, weight, bias, options));
}

// Padding that leads to the wanted extents: output_shape, or input * stride for SAME. What is
// wanted beyond the full extent is added behind it.
void pad_to_output(NodeCall& call, Windows& windows, std::vector<std::int64_t>& extra) {
  const std::string mode = call.text("auto_pad", "NOTSET");
  const bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  const auto wanted = call.integers("output_shape");
  if (!wanted && !same) return;
  const std::size_t rank = windows.kernel.size();
  if (wanted && wanted->size() != rank) {
    NodeCall::reject(fmt::format("output_shape has {} numbers, expected {}", wanted->size(), rank));
  }
  for (std::size_t d = 0; d < rank; ++d) {
    const std::int64_t in = call.shape(0)[d + 2];
    const std::int64_t full = (in - 1) * windows.strides[d] + extra[d] + windows.span(d);
    const std::int64_t out = wanted ? (*wanted)[d] : in * windows.strides[d];
    if (out < 1 || out > full) {
      NodeCall::reject(
          fmt::format("output_shape {} on spatial axis {}, expected 1 to {}", out, d, full));
    }
    const std::int64_t total = full - out;
    windows.pads[d] = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
    windows.pads[rank + d] = total - windows.pads[d];
  }
}

void import_conv_transpose(NodeCall& call) {
  Windows windows = windows_of(call, kernel_of(call), false);
  auto extra = spatial_attribute(call, "output_padding", windows.kernel.size(), 0, 0);
  pad_to_output(call, windows, extra);
  ConvOptions options = options_of(call, windows);
  options.output_padding = extra;
  check_groups(call, options);
  const TensorId x = call.tensor(0);
  const TensorId weight = call.tensor(1);
  const auto bias = call.optional_tensor(2);
  call.set(call.b().conv_transpose(x, weight, bias, options));
}

}  // namespace

void add_convolution_importers(Importers& importers) {
  importers["Conv"] = import_conv;
  importers["ConvTranspose"] = import_conv_transpose;
}

}  // namespace rockmate::from_onnx
