// Vectorized functions of a line: softmax, its logarithm, cross-entropy and layer normalisation of
// contiguous float32 elements. Sums are in float32 over blocks and in float64 beyond them. Results
// may lie on the input they are made of.
#pragma once

#include <cstdint>

namespace rockmate::cpu {

/// The largest element, and the sum of exp(x - largest).
struct LineSum {
  float largest = 0;
  double sum = 0;
};
[[nodiscard]] LineSum line_sum(const float* x, std::int64_t n);

/// y = exp(x - largest) / sum
void softmax_line(const float* x, float* y, std::int64_t n);
/// y = x - largest - log(sum)
void log_softmax_line(const float* x, float* y, std::int64_t n);
/// dx = y * (dy - sum(dy * y))
void softmax_gradient_line(const float* dy, const float* y, float* dx, std::int64_t n);
/// dx = dy - exp(y) * sum(dy)
void log_softmax_gradient_line(const float* dy, const float* y, float* dx, std::int64_t n);
/// y = factor * exp(x - shift)
void scaled_exp_line(const float* x, float shift, float factor, float* y, std::int64_t n);

struct LineMoments {
  float mean = 0, variance = 0;
};
[[nodiscard]] LineMoments line_moments(const float* x, std::int64_t n);
/// y = (x - mean) * inverse * scale + bias, both per element, or null.
void normalize_line(const float* x, float mean, float inverse, const float* scale,
                    const float* bias, float* y, std::int64_t n);
/// With k = (x - mean) * inverse and g = dy * scale: dx = (g - mean(g) - k mean(g k)) * inverse,
/// and dscale += dy * k, dbias += dy; results and `scale` may be null.
void layer_norm_gradient_line(const float* dy, const float* x, float mean, float inverse,
                              const float* scale, float* dx, float* dscale, float* dbias,
                              std::int64_t n);

}  // namespace rockmate::cpu
