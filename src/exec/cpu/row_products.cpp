#include "exec/cpu/row_products.h"

#include "exec/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/cpu/row_products.cpp"
#include <hwy/foreach_target.h>

#include "exec/cpu/simd_inl.h"

HWY_BEFORE_NAMESPACE();
namespace rockmate::cpu::HWY_NAMESPACE {

// Some lines of w at a time keep the memory busy.
template <int rows, int lines>
void add_dots(const float* x, const float* w, std::int64_t inner, float* y, std::int64_t y_step) {
  V sums[rows][lines];
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int n = 0; n < lines; ++n) sums[r][n] = zero();
  }
  for_each_vector(inner, [&](std::int64_t i, auto part) HWY_ATTR {
    V line[lines];
#pragma GCC unroll 4
    for (int n = 0; n < lines; ++n) line[n] = part.load(w + n * inner + i);
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) {
      const V row = part.load(x + r * inner + i);
#pragma GCC unroll 4
      for (int n = 0; n < lines; ++n) sums[r][n] = hn::MulAdd(row, line[n], sums[r][n]);
    }
  });
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int n = 0; n < lines; ++n) y[r * y_step + n] += sum_of_lanes(sums[r][n]);
  }
}

template <int rows>
void add_rows(const float* x, const float* w, std::int64_t inner, std::int64_t outputs, float* y,
              std::int64_t y_step) {
  constexpr int kLines = 4;
  std::int64_t n = 0;
  for (; n + kLines <= outputs; n += kLines) {
    add_dots<rows, kLines>(x, w + n * inner, inner, y + n, y_step);
  }
  for (; n < outputs; ++n) add_dots<rows, 1>(x, w + n * inner, inner, y + n, y_step);
}

void add_row_products(const float* x, std::int64_t rows, const float* w, std::int64_t inner,
                      std::int64_t outputs, float* y, std::int64_t y_step) {
  switch (rows) {
    case 1:
      return add_rows<1>(x, w, inner, outputs, y, y_step);
    case 2:
      return add_rows<2>(x, w, inner, outputs, y, y_step);
    case 3:
      return add_rows<3>(x, w, inner, outputs, y, y_step);
    default:
      return add_rows<4>(x, w, inner, outputs, y, y_step);
  }
}

}  // namespace rockmate::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rockmate::cpu {
namespace {

HWY_EXPORT(add_row_products);

}  // namespace

void add_row_products(const float* x, std::int64_t rows, const float* w, std::int64_t inner,
                      std::int64_t outputs, float* y, std::int64_t y_step) {
  HWY_DYNAMIC_DISPATCH(add_row_products)(x, rows, w, inner, outputs, y, y_step);
}

}  // namespace rockmate::cpu
#endif
