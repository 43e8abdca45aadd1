#include "graph/onnx/ops/windows.h"

#include <fmt/format.h>

#include <algorithm>

namespace rockmate::from_onnx {
namespace {

constexpr std::int64_t kLargestExtent = 1 << 14;

void check_range(const std::vector<std::int64_t>& list, std::string_view what, std::int64_t least) {
  const auto bad = [&](std::int64_t x) { return x < least || x > kLargestExtent; };
  if (std::any_of(list.begin(), list.end(), bad)) {
    NodeCall::reject(fmt::format("{} {}: expected numbers from {} to {}", what, to_string(list),
                                 least, kLargestExtent));
  }
}

// The output has ceil(in / stride) elements; what has to be added is split evenly, an odd element
// goes to the end (SAME_UPPER) or the beginning.
void pad_to_same(Windows& windows, const Shape& image, bool upper) {
  const std::size_t rank = windows.kernel.size();
  for (std::size_t d = 0; d < rank; ++d) {
    const std::int64_t in = image[d + 2];
    const std::int64_t stride = windows.strides[d];
    const std::int64_t out = in / stride + (in % stride != 0 ? 1 : 0);
    const std::int64_t total = std::max<std::int64_t>((out - 1) * stride + windows.span(d) - in, 0);
    windows.pads[d] = upper ? total / 2 : total - total / 2;
    windows.pads[rank + d] = total - windows.pads[d];
  }
}

}  // namespace

std::vector<std::int64_t> spatial_attribute(NodeCall& call, std::string_view attribute,
                                            std::size_t count, std::int64_t fallback,
                                            std::int64_t least) {
  auto list = call.integers(attribute).value_or(std::vector<std::int64_t>(count, fallback));
  if (list.size() != count) {
    NodeCall::reject(fmt::format("{} has {} numbers, expected {}", attribute, list.size(), count));
  }
  check_range(list, attribute, least);
  return list;
}

Windows windows_of(NodeCall& call, std::vector<std::int64_t> kernel, bool over_input) {
  const Shape& image = call.shape(0);
  if (image.size() < 3) {
    NodeCall::reject(fmt::format("the input has the shape {}, expected [batch, channels, ...]",
                                 to_string(image)));
  }
  const std::size_t rank = image.size() - 2;
  Windows windows;
  if (kernel.empty()) {
    if (!call.integers("kernel_shape")) NodeCall::reject("attribute 'kernel_shape' is missing");
    kernel = *call.integers("kernel_shape");
  }
  if (kernel.size() != rank) {
    NodeCall::reject(fmt::format("a kernel of {} axes on an image of {}, expected as many",
                                 kernel.size(), rank));
  }
  if (const auto stated = call.integers("kernel_shape"); stated && *stated != kernel) {
    NodeCall::reject(fmt::format("kernel_shape is {}, and the weight has {}", to_string(*stated),
                                 to_string(kernel)));
  }
  windows.kernel = std::move(kernel);
  check_range(windows.kernel, "kernel", 1);
  windows.strides = spatial_attribute(call, "strides", rank, 1, 1);
  windows.dilations = spatial_attribute(call, "dilations", rank, 1, 1);
  const std::string mode = call.text("auto_pad", "NOTSET");
  if (mode == "NOTSET") {
    windows.pads = spatial_attribute(call, "pads", 2 * rank, 0, 0);
    return windows;
  }
  windows.pads.assign(2 * rank, 0);
  if (mode != "VALID" && mode != "SAME_UPPER" && mode != "SAME_LOWER") {
    NodeCall::reject(
        fmt::format("auto_pad is '{}', expected NOTSET, VALID, SAME_UPPER or "
                    "SAME_LOWER",
                    mode));
  }
  if (mode != "VALID" && over_input) pad_to_same(windows, image, mode == "SAME_UPPER");
  return windows;
}

}  // namespace rockmate::from_onnx
