// Transposition of matrices of float32, and of rows that lie apart.
#pragma once

#include <cstdint>
#include <span>

namespace rockmate::cpu {

/// Strides are numbers from one row to the next, of x and of y.
struct Transposition {
  std::int64_t rows = 0, columns = 0;  ///< of x
  std::int64_t x_stride = 0, y_stride = 0;
};

/// y[column][row] = x[row][column], `count` times; matrices lie side by side, without gaps.
void transpose(const float* x, const Transposition& matrix, std::int64_t count, float* y);

/// y[row][column][i] = pieces[i][row * stride + column], of so many columns.
void interleave(std::span<const float* const> pieces, std::int64_t rows, std::int64_t columns,
                std::int64_t stride, float* y);

}  // namespace rockmate::cpu
