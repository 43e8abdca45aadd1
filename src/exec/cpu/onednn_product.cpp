#include "exec/cpu/onednn_product.h"

#include <algorithm>

#include "base/check.h"

namespace rockmate::cpu::onednn {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

Multiplication::Multiplication(Product product) : product_(std::move(product)) {
  constexpr std::int64_t kMostRows = 512;
  constexpr std::int64_t kMostColumns = 1024;
  constexpr std::int64_t kUnit = 16;
  constexpr double kWorthwhile = 1 << 20;  // multiplications
  rows_ = std::min(product_.rows, kMostRows);
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

void Multiplication::multiply(const Addresses& to, const Tile& tile) const {
  const bool adds = begin(to, tile);
  const bool is_packed = product_.b_is_packed;
  const std::int64_t b_first =
      is_packed ? tile.column * product_.inner
                : product_.b_starts[tile.product] + product_.b.at(0, tile.column);
  const dnnl_status_t status = dnnl_sgemm(
      product_.a.letter(), is_packed ? 'N' : product_.b.letter(), tile.rows, tile.columns,
      product_.inner, 1, to.a + product_.a_starts[tile.product] + product_.a.at(tile.row, 0),
      product_.a.columns, to.b + b_first, is_packed ? tile.columns : product_.b.columns,
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
