// Vectorized passes of batch normalisation over rows of channels: x[r][c], `columns` channels per
// row, rows one behind the other; numbers per channel stand beside every row. One thread; an
// element's bits do not depend on how rows are dealt to calls, those of a sum do.
//
// The activation behind a normalisation is a clamp: ReLU is [0, inf], ReLU6 [0, 6].
#pragma once

#include <cstdint>
#include <limits>

namespace rockmate::cpu {

/// y = (x - center) * slope + offset, per channel; + addend.
struct ChannelLine {
  const float* center = nullptr;
  const float* slope = nullptr;
  const float* offset = nullptr;
};

struct Clamp {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
  [[nodiscard]] bool is_none() const {
    return low == -std::numeric_limits<float>::infinity() &&
           high == std::numeric_limits<float>::infinity();
  }
};

/// Of some rows: the mean per channel, and the sum of squared deviations from it.
void channel_moments(const float* x, std::int64_t rows, std::int64_t columns, double* mean,
                     double* squares);

/// sum[c] = the sum over rows of x[r * stride + c].
void column_sums(const float* x, std::int64_t rows, std::int64_t columns, std::int64_t stride,
                 double* sum);
/// The sum of a span.
[[nodiscard]] double span_sum(const float* x, std::int64_t n);

/// y = clamp(line(x) + addend); `addend` may be null.
void channel_normalize(const float* x, const float* addend, ChannelLine line, Clamp clamp, float* y,
                       std::int64_t rows, std::int64_t columns);

/// What decides where a gradient passes the clamp: the clamped value, or what it is computed from.
struct Gate {
  Clamp clamp = {};
  const float* y = nullptr;       ///< where not null: the clamped value itself
  const float* addend = nullptr;  ///< else: may be null
  ChannelLine line = {};
};

/// Per channel: the sum of g, and of g * (x - center), where g is dy as far as the gate lets it
/// pass.
void channel_gradient_sums(const float* dy, const float* x, const Gate& gate, const float* center,
                           std::int64_t rows, std::int64_t columns, double* sum, double* moment);

/// dx = a * g + b * (x - center) + c, per channel, and `passed` = g; either may be null.
struct ChannelGradient {
  const float* center = nullptr;
  const float* a = nullptr;
  const float* b = nullptr;
  const float* c = nullptr;
};
void channel_gradient(const float* dy, const float* x, const Gate& gate, ChannelGradient factors,
                      float* dx, float* passed, std::int64_t rows, std::int64_t columns);

}  // namespace rockmate::cpu
