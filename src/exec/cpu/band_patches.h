// Windows laid out as rows of numbers, so that a convolution with few weights per result is a 1x1
// one.
#pragma once

#include <cstdint>

#include "exec/cpu/windows.h"
#include "rockmate/graph.h"

namespace rockmate::cpu {

/// Axis a of the windows of a convolution, 0 down and 1 across; shapes of its image and weight.
[[nodiscard]] WindowAxis window_axis(const FusedPart& conv, const Shape& x, const Shape& weight,
                                     std::size_t a);

/// The windows of a convolution of few channels, laid out pixel by pixel: then it is a 1x1 one.
class Patches {
 public:
  /// Of a convolution with that weight.
  Patches(const FusedPart& conv, const Shape& x, const Shape& weight);

  [[nodiscard]] std::int64_t row_size() const { return columns_.results * taps(); }
  [[nodiscard]] std::int64_t image_size() const { return rows_.image * columns_.image * channels_; }
  /// Those of a row of results: [pixel][position in the window][channel].
  void lay(const float* image, std::int64_t row, float* patches) const;

 private:
  [[nodiscard]] std::int64_t taps() const { return channels_ * rows_.kernel * columns_.kernel; }

  WindowAxis rows_, columns_;
  std::int64_t channels_;
  std::size_t together_;  // columns of a window that lie side by side
};

}  // namespace rockmate::cpu
