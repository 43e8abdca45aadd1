// Which elements of an image a window meets, axis by axis: `forward[t]` for result t, the elements
// that it reads; `backward[i]` for element i, the results that read it. Each with the position in
// the window.
#pragma once

#include <cstdint>
#include <vector>

#include "rockmate/graph.h"

namespace rockmate::cpu {

struct Meeting {
  std::int64_t at = 0;      ///< element or result
  std::int64_t weight = 0;  ///< position in the window
};

struct WindowAxis {
  WindowAxis(std::int64_t image, std::int64_t results, std::int64_t kernel, std::int64_t stride,
             std::int64_t pad, std::int64_t dilation);
  std::int64_t image, results, kernel;
  std::vector<std::vector<Meeting>> forward, backward;
};

/// The two axes of an op on [N, C, H, W], by attributes strides, pads and dilations (absent:
/// 1).
struct WindowPlane {
  WindowPlane(const Attributes& attributes, const Shape& image, const Shape& result,
              const Shape& window);
  std::int64_t batch, channels;
  WindowAxis rows, columns;
};

}  // namespace rockmate::cpu
