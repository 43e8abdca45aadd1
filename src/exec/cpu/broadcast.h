// How the operands of an element-wise op move beside its result, in the order in which the result
// lies: as panels of rows, in which an operand is a span, or one number for the row.
//
//   result [N, C, H, W], channels last:  rows are pixels, columns channels
//   operand [C, 1, 1]:                   the same span beside every row (row stride 0)
//   operand [N, 1, H, W]:                one number beside every row
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "exec/cpu/spans.h"
#include "exec/parallel.h"
#include "rockmate/graph.h"

namespace rockmate::cpu {

class Broadcast {
 public:
  static constexpr std::size_t kMostOperands = 16;
  using Offsets = std::array<std::int64_t, kMostOperands>;
  struct Panel {
    std::int64_t first, rows, columns;  ///< `first` element of the result
    Offsets offsets;                    ///< of the operands
  };

  /// None: an operand lies in another order than the result.
  [[nodiscard]] static std::optional<Broadcast> of(const TensorType& result,
                                                   const std::vector<TensorType>& operands);

  [[nodiscard]] Operand operand(std::size_t i, const float* data, const Panel& panel) const {
    return {data + panel.offsets[i], axes_[1].strides[i], axes_[0].strides[i] == 0};
  }

  /// Calls body(panel) for panels that make up the result.
  template <class F>
  void for_each_panel(int threads, const F& body) const {
    const std::int64_t columns = axes_[0].extent;
    // Long rows are cut, so that there is work for all threads.
    const std::int64_t blocks = std::max<std::int64_t>(1, columns / kBlock);
    const std::int64_t work = std::max<std::int64_t>(1, columns / blocks);
    kernels::parallel_for(
        threads, rows_ * blocks, kernels::kGrain / work, [&](std::int64_t begin, std::int64_t end) {
          while (begin < end) {
            const std::int64_t row = begin / blocks;
            const std::int64_t start = columns * (begin % blocks) / blocks;
            Panel panel = {row * columns + start, 1, columns, offsets(row)};
            if (blocks == 1) {
              panel.rows = std::min(axes_[1].extent - row % axes_[1].extent, end - begin);
            } else {
              panel.columns = columns * (begin % blocks + 1) / blocks - start;
              for (std::size_t o = 0; o < kMostOperands; ++o) {
                panel.offsets[o] += start * axes_[0].strides[o];
              }
            }
            body(panel);
            begin += panel.rows;
          }
        });
  }

 private:
  static constexpr std::int64_t kBlock = 4096;
  struct Axis {
    std::int64_t extent = 1;
    Offsets strides = {};
  };
  [[nodiscard]] Offsets offsets(std::int64_t row) const;

  std::vector<Axis> axes_;  // innermost first, at least two
  std::int64_t rows_ = 1;
};

}  // namespace rockmate::cpu
