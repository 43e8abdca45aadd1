// What a convolution of few channels reads for a row of results, laid out so that each tap (a
// position in the window, of one channel) of neighbouring results lies in neighbouring numbers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "exec/cpu/windows.h"
#include "rockmate/graph.h"

namespace rockmate::cpu {

/// Axis a of the windows of a convolution or a pooling, 0 down and 1 across; shapes of its image
/// and of its window.
[[nodiscard]] WindowAxis window_axis(const FusedPart& part, const Shape& x,
                                     std::span<const std::int64_t> window, std::size_t a);

/// The image may lie in planes, row-major, or channels last. With strides, every so many columns
/// lie side by side:
///
///   columns   0 1 2 3 4 5 6 7    of a channel, stride 2, a column of zeros before them
///   lines     . 1 3 5 7
///             0 2 4 6
class TapRows {
 public:
  /// Of a convolution with a weight of that shape.
  TapRows(const FusedPart& conv, const TensorType& x, const Shape& weight);

  [[nodiscard]] std::int64_t image_size() const { return rows_.image * row_size_ * planes_; }
  /// Floats of the lines of a row of results.
  [[nodiscard]] std::int64_t lines_size() const {
    return rows_.kernel * planes_ * phases_ * length_;
  }
  /// Those of a row of results, with zeros outside the image.
  void lay(const float* image, std::int64_t row, float* lines) const;
  /// Where the taps of the first result lie, [row of the window][column][channel]; those of the
  /// next ones lie behind them.
  [[nodiscard]] const std::vector<std::int64_t>& offsets() const { return offsets_; }

 private:
  void deal(const float* row, float* lines) const;

  WindowAxis rows_;
  std::int64_t columns_, stride_, pad_;  // of the image's rows
  std::int64_t planes_;                  // channels whose rows lie apart
  std::int64_t depth_;                   // channels that lie side by side
  std::int64_t row_size_, phases_;       // numbers of a row; lines that they are dealt to
  std::int64_t length_;                  // of a line
  std::vector<std::int64_t> offsets_;
};

}  // namespace rockmate::cpu
