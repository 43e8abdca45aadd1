// Products of matrices, cut into tiles of the result: each tile is one product of oneDNN's, on one
// thread, with its whole sum over the inner extent. What is added to a product is written to the
// result first.
//
// oneDNN packs pieces of the operands into memory of its own: at most 4 MiB per thread, because
// tiles are that small.
#pragma once

#include <functional>
#include <vector>

#include "exec/cpu/onednn.h"

namespace rockmate::cpu::onednn {

/// A matrix as it lies: row-major with that many columns, and whether it takes part transposed.
struct Matrix {
  std::int64_t columns;
  bool transposed;

  [[nodiscard]] std::int64_t at(std::int64_t row, std::int64_t column) const {
    return transposed ? column * columns + row : row * columns + column;
  }
  [[nodiscard]] char letter() const { return transposed ? 'T' : 'N'; }
};

/// `products` times [rows, inner] x [inner, columns]. Where the leading axes of the operands are
/// broadcast, products share matrices.
struct Product {
  std::int64_t products, rows, inner, columns;
  Matrix a, b;
  std::vector<std::int64_t> a_starts, b_starts;  ///< per product
  /// Of one product: b lies as `Multiplication::pack` leaves it.
  bool b_is_packed = false;
};

/// Of a `matmul`: its leading axes are products.
[[nodiscard]] Product matrix_product(const Attributes& attributes, const Shape& a, const Shape& b,
                                     const Shape& y);

class Multiplication {
 public:
  explicit Multiplication(Product product);

  struct Addresses {
    const float* a;
    const float* b;
    const float* bias;    ///< per column; may be null
    const float* addend;  ///< may be null, or y itself
    float* y;
  };
  /// Rows and columns of the result of one product.
  struct Tile {
    std::size_t product;
    std::int64_t row, rows, column, columns;
  };
  /// What a tile multiplies of an operand, as it lies: so many rows of so many numbers, each as far
  /// behind the one before as a row of the matrix is long.
  struct Piece {
    std::int64_t first, rows, columns, stride;
  };
  [[nodiscard]] Piece piece_of_a(const Tile& tile) const;
  [[nodiscard]] Piece piece_of_b(const Tile& tile) const;
  /// A tile; the pieces lie where they are said to, with strides of their own.
  struct Place {
    const float* first;
    std::int64_t stride;
  };
  void multiply(const Place& a, const Place& b, const Addresses& to, const Tile& tile) const;

  /// `finish`, if there is one, is called with each tile that is done.
  void run(const Addresses& to, int threads,
           const std::function<void(const Tile&)>& finish = nullptr) const;

  /// The columns of b for each tile of the result, one tile after another, row-major: what a tile
  /// reads has no gaps, and nothing is turned over in a run. Of one product.
  void pack(const float* b, float* to, int threads) const;
  [[nodiscard]] Bytes packed_bytes() const {
    return aligned(Bytes(product_.inner * product_.columns * 4));
  }

  [[nodiscard]] const Product& product() const { return product_; }
  [[nodiscard]] std::int64_t tile_count() const {
    return product_.products * row_count_ * column_count_;
  }
  [[nodiscard]] Tile tile(std::int64_t index) const;
  /// Of tiles, side by side in a product: by rows of the result, and within them by columns.
  [[nodiscard]] std::int64_t row_count() const { return row_count_; }
  [[nodiscard]] std::int64_t column_count() const { return column_count_; }
  /// The element of y at which a tile begins.
  [[nodiscard]] std::int64_t at(const Tile& tile) const;
  /// Writes what the product is added to; whether there is any.
  [[nodiscard]] bool begin(const Addresses& to, const Tile& tile) const;

 private:
  void multiply(const Addresses& to, const Tile& tile) const;

  Product product_;
  // Whole tiles but for the last ones.
  std::int64_t rows_, columns_;            // of a tile
  std::int64_t row_count_, column_count_;  // of tiles
};

/// A kernel's operand number `weight` that is b of its product, packed for it.
[[nodiscard]] PackedOperand packed_operand(std::size_t weight, const Multiplication& by);

}  // namespace rockmate::cpu::onednn
