// Matrix products of whatever a loader reads: matrices of any strides, patches of images.
//
// C = sum over k of a_k b_k, where a_k is a column of A and b_k a row of B. The result is cut into
// tiles, which are shared out among the threads. For a tile, kDepth outer products at a time are
// packed into panels of kRows and kColumns elements (buffers on the stack), and a block of
// registers sums each panel of A with each panel of B:
//
//             B  panels, kDepth x kColumns
//           +---+---+---
//     A     |   |   |          registers: kRows x kColumns sums over kDepth,
//   +---+   +---+---+---       added to the tile when they are complete
//   |   |   | r |   |
//   +---+   +---+---+---
//
// An element is the sum, in order, of the sums of kDepth products each, wherever tiles begin: so
// its bits do not depend on how the work is cut. Rejected: packing all of B once (a workspace of
// its size), and Eigen's product (it packs on the heap).
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "exec/reference/kernel.h"

namespace rockmate::reference {

template <class T>
struct ProductSizes {
  static constexpr std::int64_t kBytes = 16;  // of a register on every x86-64
  static constexpr std::int64_t kLanes = kBytes / static_cast<std::int64_t>(sizeof(T));
  static constexpr std::int64_t kRows = 4;
  static constexpr std::int64_t kColumns = 2 * kLanes;
  static constexpr std::int64_t kTile = 128;
  static constexpr std::int64_t kDepth = 128;
};

/// Where a loader puts elements `i` of the outer product `k`, both counted from the panels' origin.
template <class T, std::int64_t kWidth>
class Panels {
 public:
  Panels(T* data, std::int64_t depth) : data_(data), depth_(depth) {}
  [[nodiscard]] T& operator()(std::int64_t k, std::int64_t i) const {
    return data_[(i / kWidth * depth_ + k) * kWidth + i % kWidth];
  }
  /// What is missing to whole panels is zero.
  void pad(std::int64_t count) const {
    for (; count % kWidth != 0; ++count) {
      for (std::int64_t k = 0; k < depth_; ++k) (*this)(k, count) = 0;
    }
  }

 private:
  T* data_;
  std::int64_t depth_;
};

/// Which elements of which outer products a loader is asked for.
struct Block {
  std::int64_t product;  ///< one of several products of the same sizes
  std::int64_t first_k, depth;
  std::int64_t first, count;
};

/// The sizes of one product, [rows, inner] times [inner, columns], and how many there are.
struct ProductExtents {
  std::int64_t products, rows, inner, columns;
};

/// c[r, q] += sum over k of a[k, r] b[k, q] for one block of registers.
template <class T>
void add_block(std::int64_t depth, const T* a, const T* b, T* c, std::int64_t c_stride) {
  using Sizes = ProductSizes<T>;
  typedef T Vector __attribute__((vector_size(Sizes::kBytes)));
  Vector sums[Sizes::kRows][2] = {};
  for (std::int64_t k = 0; k < depth; ++k) {
    Vector right[2];
    std::memcpy(right, b + k * Sizes::kColumns, sizeof(right));
    for (int r = 0; r < Sizes::kRows; ++r) {
      const T left = a[k * Sizes::kRows + r];
      sums[r][0] += left * right[0];
      sums[r][1] += left * right[1];
    }
  }
  for (int r = 0; r < Sizes::kRows; ++r) {
    T row[Sizes::kColumns];
    std::memcpy(row, sums[r], sizeof(row));
    for (int q = 0; q < Sizes::kColumns; ++q) c[r * c_stride + q] += row[q];
  }
}

/// One tile of one product, on the stack.
template <class T, class Operands>
void multiply_tile(const ProductExtents& size, const Operands& operands, std::int64_t product,
                   std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns) {
  using Sizes = ProductSizes<T>;
  constexpr std::int64_t kTile = Sizes::kTile;
  alignas(64) T a[kTile * Sizes::kDepth];
  alignas(64) T b[kTile * Sizes::kDepth];
  alignas(64) T c[kTile * kTile];
  const std::int64_t blocks = (rows + Sizes::kRows - 1) / Sizes::kRows;
  std::fill_n(c, blocks * Sizes::kRows * kTile, T(0));
  for (std::int64_t k = 0; k < size.inner; k += Sizes::kDepth) {
    const std::int64_t depth = std::min(Sizes::kDepth, size.inner - k);
    const Panels<T, Sizes::kRows> a_panels(a, depth);
    const Panels<T, Sizes::kColumns> b_panels(b, depth);
    operands.load_a({product, k, depth, row, rows}, a_panels);
    operands.load_b({product, k, depth, column, columns}, b_panels);
    a_panels.pad(rows);
    b_panels.pad(columns);
    for (std::int64_t q = 0; q < columns; q += Sizes::kColumns) {
      for (std::int64_t r = 0; r < rows; r += Sizes::kRows) {
        add_block(depth, a + r * depth, b + q * depth, c + r * kTile + q, kTile);
      }
    }
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    operands.store(product, row + r, column, columns, c + r * kTile);
  }
}

/// Runs all products. `operands` has load_a(Block, panels) for rows of A, load_b for columns of B,
/// and store(product, row, first column, count, sums), which may change the sums.
template <class T, class Operands>
void multiply(int threads, const ProductExtents& size, const Operands& operands) {
  using Sizes = ProductSizes<T>;
  // Smaller tiles where there would be too few for the threads.
  std::int64_t tile = Sizes::kTile;
  const auto tiles_along = [&](std::int64_t count) { return (count + tile - 1) / tile; };
  const auto tiles = [&] {
    return size.products * tiles_along(size.rows) * tiles_along(size.columns);
  };
  while (tile > 32 && tiles() < 4 * threads) tile /= 2;
  const std::int64_t across = tiles_along(size.columns);
  const std::int64_t per_product = tiles_along(size.rows) * across;
  const std::int64_t work = std::max<std::int64_t>(1, tile * tile * size.inner);
  parallel_for(threads, tiles(), 4 * kGrain / work, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t row = t % per_product / across * tile;
      const std::int64_t column = t % across * tile;
      multiply_tile<T>(size, operands, t / per_product, row, std::min(tile, size.rows - row),
                       column, std::min(tile, size.columns - column));
    }
  });
}

}  // namespace rockmate::reference
