// A row-major space of elements in which operands move with strides of their own, 0 where they are
// broadcast: what broadcasting, transposing, expanding and slicing have in common.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "exec/reference/kernel.h"
#include "rockmate/graph.h"

namespace rockmate::reference {

using Strides = std::vector<std::int64_t>;

/// Distances between neighbours along each axis of a row-major tensor.
[[nodiscard]] Strides row_major(const Shape& shape);
/// The same for a tensor that is broadcast to `to`: 0 along the axes that are repeated.
[[nodiscard]] Strides broadcast_strides(const Shape& shape, const Shape& to);

class StridedSpace {
 public:
  static constexpr std::size_t kMostOperands = 3;
  using Offsets = std::array<std::int64_t, kMostOperands>;

  /// Neighbouring axes along which all operands move evenly become one; there is always one.
  StridedSpace(const Shape& shape, std::vector<Strides> operands);

  /// Elements in all, and along the innermost axis.
  [[nodiscard]] std::int64_t count() const { return rows_ * inner_; }
  /// The stride of an operand along the innermost axis.
  [[nodiscard]] std::int64_t stride(std::size_t operand) const { return operands_[operand].back(); }

  /// Calls body(first, n, offsets) for pieces of rows: elements first, ..., first + n - 1 of the
  /// space, which begin at `offsets` of the operands.
  template <class F>
  void for_each_piece(int threads, const F& body) const {
    parallel_for(threads, count(), kGrain, [&](std::int64_t begin, std::int64_t end) {
      while (begin < end) {
        const std::int64_t column = begin % inner_;
        const std::int64_t n = std::min(inner_ - column, end - begin);
        body(begin, n, offsets(begin / inner_, column));
        begin += n;
      }
    });
  }

 private:
  [[nodiscard]] Offsets offsets(std::int64_t row, std::int64_t column) const;

  Shape extents_;
  std::vector<Strides> operands_;
  std::int64_t rows_ = 1;
  std::int64_t inner_ = 1;
};

}  // namespace rockmate::reference
