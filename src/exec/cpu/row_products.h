// Products of few rows with a matrix that lies transposed: the matrix is read once, at the pace of
// memory, and nothing is packed.
#pragma once

#include <cstdint>

namespace rockmate::cpu {

inline constexpr std::int64_t kMostProductRows = 4;

/// y[r * y_step + n] += the sum over i < inner of x[r * inner + i] * w[n * inner + i], for the
/// first `rows` rows and n < outputs; in an order that depends on `inner` alone. At most
/// kMostProductRows.
void add_row_products(const float* x, std::int64_t rows, const float* w, std::int64_t inner,
                      std::int64_t outputs, float* y, std::int64_t y_step);

}  // namespace rockmate::cpu
