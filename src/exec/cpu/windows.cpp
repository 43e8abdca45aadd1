#include "exec/cpu/windows.h"

namespace rockmate::cpu {
namespace {

WindowAxis axis_of(const Attributes& attributes, const Shape& image, const Shape& result,
                   const Shape& window, std::size_t d) {
  const auto* dilations = attributes.find("dilations");
  return {image[d + 2],
          result[d + 2],
          window[d],
          attributes.integers("strides")[d],
          attributes.integers("pads")[d],
          dilations != nullptr ? attributes.integers("dilations")[d] : 1};
}

}  // namespace

WindowAxis::WindowAxis(std::int64_t image_extent, std::int64_t result_extent,
                       std::int64_t kernel_extent, std::int64_t stride, std::int64_t pad,
                       std::int64_t dilation)
    : image(image_extent), results(result_extent), kernel(kernel_extent) {
  forward.resize(static_cast<std::size_t>(results));
  backward.resize(static_cast<std::size_t>(image));
  for (std::int64_t t = 0; t < results; ++t) {
    for (std::int64_t k = 0; k < kernel; ++k) {
      const std::int64_t i = t * stride + k * dilation - pad;
      if (i < 0 || i >= image) continue;
      forward[static_cast<std::size_t>(t)].push_back({i, k});
      backward[static_cast<std::size_t>(i)].push_back({t, k});
    }
  }
}

WindowPlane::WindowPlane(const Attributes& attributes, const Shape& image, const Shape& result,
                         const Shape& window)
    : batch(image[0]),
      channels(image[1]),
      rows(axis_of(attributes, image, result, window, 0)),
      columns(axis_of(attributes, image, result, window, 1)) {}

}  // namespace rockmate::cpu
