#include "exec/cpu/onednn_product.h"

#include <algorithm>

#include "base/check.h"

namespace rockmate::cpu::onednn {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Where the matrix that takes part in each product begins.
std::vector<std::int64_t> starts(const Shape& operand, const Shape& y) {
  const std::size_t axes = y.size() - 2;
  const std::size_t missing = y.size() - operand.size();
  std::vector<std::int64_t> result(static_cast<std::size_t>(extent(y, 0, axes)));
  for (std::size_t p = 0; p < result.size(); ++p) {
    auto rest = static_cast<std::int64_t>(p);
    std::int64_t stride = extent(operand, operand.size() - 2, operand.size());
    for (std::size_t a = axes; a-- > missing; rest /= y[a]) {
      const std::int64_t own = operand[a - missing];
      if (own > 1) result[p] += rest % y[a] * stride;
      stride *= own;
    }
  }
  return result;
}

}  // namespace

Product matrix_product(const Attributes& attributes, const Shape& a, const Shape& b,
                       const Shape& y) {
  const bool ta = attributes.flag("transpose_a");
  const bool tb = attributes.flag("transpose_b");
  return {extent(y, 0, y.size() - 2),
          y[y.size() - 2],
          a[a.size() - (ta ? 2 : 1)],
          y.back(),
          {a.back(), ta},
          {b.back(), tb},
          starts(a, y),
          starts(b, y)};
}

Multiplication::Multiplication(Product product) : product_(std::move(product)) {
  constexpr std::int64_t kMostRows = 512;
  constexpr std::int64_t kMostRowsOfMany = 256;  // the second cache has room for what they multiply
  constexpr std::int64_t kMostColumns = 1024;
  constexpr std::int64_t kUnit = 16;
  constexpr double kWorthwhile = 1 << 20;  // multiplications
  rows_ = std::min(product_.rows, product_.products > 1 ? kMostRowsOfMany : kMostRows);
  columns_ = std::min(product_.columns, kMostColumns);
  const auto count = [&] {
    return product_.products * ceil_div(product_.rows, rows_) *
           ceil_div(product_.columns, columns_);
  };
  const auto work = [&] {
    return static_cast<double>(rows_) * static_cast<double>(columns_) *
           static_cast<double>(product_.inner);
  };
  while (count() < kMostParts && work() > kWorthwhile) {
    std::int64_t& longer = rows_ > columns_ ? rows_ : columns_;
    const std::int64_t half = ceil_div(ceil_div(longer, 2), kUnit) * kUnit;
    if (half >= longer) break;
    longer = half;
  }
  row_count_ = ceil_div(product_.rows, rows_);
  column_count_ = ceil_div(product_.columns, columns_);
}

void Multiplication::run(const Addresses& to, int threads,
                         const std::function<void(const Tile&)>& finish) const {
  const OneThread one_thread;
  parallel_for(threads, tile_count(), 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      const Tile each = tile(i);
      multiply(to, each);
      if (finish) finish(each);
    }
  });
}

Multiplication::Tile Multiplication::tile(std::int64_t index) const {
  const std::int64_t column = index % column_count_ * columns_;
  const std::int64_t row = index / column_count_ % row_count_ * rows_;
  return {static_cast<std::size_t>(index / column_count_ / row_count_), row,
          std::min(rows_, product_.rows - row), column,
          std::min(columns_, product_.columns - column)};
}

std::int64_t Multiplication::at(const Tile& tile) const {
  const auto rows_before = static_cast<std::int64_t>(tile.product) * product_.rows;
  return (rows_before + tile.row) * product_.columns + tile.column;
}

bool Multiplication::begin(const Addresses& to, const Tile& tile) const {
  for (std::int64_t row = 0; row < tile.rows; ++row) {
    const std::int64_t line = at(tile) + row * product_.columns;
    if (to.addend != nullptr && to.addend != to.y) {
      std::copy_n(to.addend + line, tile.columns, to.y + line);
    }
    if (to.bias == nullptr) continue;
    if (to.addend == nullptr) {
      std::copy_n(to.bias + tile.column, tile.columns, to.y + line);
    } else {
      for (std::int64_t i = 0; i < tile.columns; ++i) {
        to.y[line + i] += to.bias[tile.column + i];
      }
    }
  }
  return to.addend != nullptr || to.bias != nullptr;
}

Multiplication::Piece Multiplication::piece_of_a(const Tile& tile) const {
  const Matrix& a = product_.a;
  const std::int64_t first = product_.a_starts[tile.product] + a.at(tile.row, 0);
  if (a.transposed) return {first, product_.inner, tile.rows, a.columns};
  return {first, tile.rows, product_.inner, a.columns};
}

Multiplication::Piece Multiplication::piece_of_b(const Tile& tile) const {
  if (product_.b_is_packed) {
    return {tile.column * product_.inner, product_.inner, tile.columns, tile.columns};
  }
  const Matrix& b = product_.b;
  const std::int64_t first = product_.b_starts[tile.product] + b.at(0, tile.column);
  if (b.transposed) return {first, tile.columns, product_.inner, b.columns};
  return {first, product_.inner, tile.columns, b.columns};
}

void Multiplication::multiply(const Addresses& to, const Tile& tile) const {
  const Piece a = piece_of_a(tile);
  const Piece b = piece_of_b(tile);
  multiply({to.a + a.first, a.stride}, {to.b + b.first, b.stride}, to, tile);
}

void Multiplication::multiply(const Place& a, const Place& b, const Addresses& to,
                              const Tile& tile) const {
  const bool adds = begin(to, tile);
  const dnnl_status_t status =
      dnnl_sgemm(product_.a.letter(), product_.b_is_packed ? 'N' : product_.b.letter(), tile.rows,
                 tile.columns, product_.inner, 1, a.first, a.stride, b.first, b.stride,
                 adds ? 1.0F : 0.0F, to.y + at(tile), product_.columns);
  ROCKMATE_CHECK(status == dnnl_success);
}

void Multiplication::pack(const float* b, float* to, int threads) const {
  parallel_for(threads, column_count_, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const Tile each = tile(t);
      float* line = to + each.column * product_.inner;
      for (std::int64_t i = 0; i < product_.inner; ++i, line += each.columns) {
        for (std::int64_t c = 0; c < each.columns; ++c) {
          line[c] = b[product_.b.at(i, each.column + c)];
        }
      }
    }
  });
}

PackedOperand packed_operand(std::size_t weight, const Multiplication& by) {
  return {{weight, {weight}, by.packed_bytes()},
          [=](const Run& run) { by.pack(run.in<float>(weight), run.out<float>(), run.threads()); },
          {}};
}

}  // namespace rockmate::cpu::onednn
