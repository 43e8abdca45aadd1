// The sums of a batch norm, per part of the rows and channel, and the factors that follow from
// them: numbers 0 to 2 are its line, 3 to 5 those of its gradient.
#pragma once

#include <algorithm>

#include "base/check.h"
#include "exec/cpu/batch_norm.h"
#include "rockmate/training_model.h"

namespace rockmate::cpu {

/// Rows are summed in parts that do not depend on the number of threads.
struct BatchNormParts {
  explicit BatchNormParts(const BatchNormShape& shape) : rows(shape.rows) {
    constexpr std::int64_t kMost = 32;
    constexpr std::int64_t kLeastElements = 32768;
    const std::int64_t least = kLeastElements / std::max<std::int64_t>(1, shape.channels) + 1;
    height = std::max((rows + kMost - 1) / kMost, least);
    count = (rows + height - 1) / height;
  }
  [[nodiscard]] std::int64_t first(std::int64_t part) const { return part * height; }
  [[nodiscard]] std::int64_t size(std::int64_t part) const {
    return std::min(height, rows - first(part));
  }
  std::int64_t rows, height, count;
};

inline constexpr std::int64_t kNormFactors = 6;  ///< numbers per channel that passes read

/// Two sums per part and channel, then the factors.
struct BatchNormSpace {
  BatchNormSpace(const BatchNormShape& shape, const BatchNormParts& parts,
                 std::span<std::byte> bytes)
      : channels(shape.channels), sums(reinterpret_cast<double*>(bytes.data())) {
    const Bytes sum_bytes = aligned(Bytes(parts.count * 2 * channels * 8));
    factors = reinterpret_cast<float*>(bytes.data() + sum_bytes.count());
    ROCKMATE_CHECK(static_cast<std::int64_t>(bytes.size()) >=
                   sum_bytes.count() + kNormFactors * channels * 4);
  }
  [[nodiscard]] double* sum(std::int64_t part, std::int64_t which) const {
    return sums + (part * 2 + which) * channels;
  }
  [[nodiscard]] float* factor(std::int64_t which) const { return factors + which * channels; }
  std::int64_t channels;
  double* sums;
  float* factors;
};

[[nodiscard]] inline ChannelLine line_of(const BatchNormSpace& space) {
  return {space.factor(0), space.factor(1), space.factor(2)};
}
[[nodiscard]] inline ChannelGradient gradient_factors(const BatchNormSpace& space) {
  return {space.factor(0), space.factor(3), space.factor(4), space.factor(5)};
}

/// From the sums of what passes the clamp, and of that times (x - mean); writes dscale and dbias,
/// too. With n = (x - mean) inverse: dx = (g' - mean(g') - n mean(g' n)) inverse, where g' = scale
/// g.
void write_gradient_factors(const BatchNormShape& shape, const BatchNormParts& parts,
                            const BatchNormBackward& tensors, const BatchNormSpace& space);

}  // namespace rockmate::cpu
