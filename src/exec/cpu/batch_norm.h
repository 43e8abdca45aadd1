// Batch normalisation of rows of channels, with what often stands behind it: an addition and a
// clamp (ReLU, ReLU6). Forward and backward derive the line y(x) from the rounded statistics alone,
// so that the backward pass finds the very y that the forward pass clamped, from x.
#pragma once

#include <cstddef>
#include <span>

#include "exec/cpu/channel_rows.h"
#include "rockmate/units.h"

namespace rockmate::cpu {

struct BatchNormShape {
  std::int64_t rows = 0, channels = 0;
  double epsilon = 0;
};
/// What either direction needs.
[[nodiscard]] Bytes batch_norm_workspace(const BatchNormShape& shape);

/// Null where absent, or not wanted.
struct BatchNormForward {
  const float* x = nullptr;
  const float* scale = nullptr;
  const float* bias = nullptr;
  const float* addend = nullptr;
  float* y = nullptr;
  float* mean = nullptr;
  float* variance = nullptr;
};
/// Writes mean and variance of x.
void batch_norm_statistics(const BatchNormShape& shape, const BatchNormForward& tensors,
                           int threads, std::span<std::byte> workspace);

/// What makes y of x, per channel. Scale and bias may be null.
struct BatchNormNumbers {
  const float* mean = nullptr;
  const float* variance = nullptr;
  const float* scale = nullptr;
  const float* bias = nullptr;
};
/// The line y(x) of each channel: writes `channels` numbers three times.
void batch_norm_line(const BatchNormShape& shape, const BatchNormNumbers& numbers, float* center,
                     float* slope, float* offset);
/// y = clamp(line(x) + addend), which may be null; y may lie on x or on the addend.
void batch_norm_apply(const BatchNormShape& shape, const BatchNormNumbers& numbers, const float* x,
                      const float* addend, Clamp clamp, float* y, int threads,
                      std::span<std::byte> workspace);
/// y = clamp(normal(x) * scale + bias + addend); y may lie on x or on the addend.
void batch_norm(const BatchNormShape& shape, const BatchNormForward& tensors, Clamp clamp,
                int threads, std::span<std::byte> workspace);

struct BatchNormBackward {
  const float* dy = nullptr;
  const float* x = nullptr;
  const float* mean = nullptr;
  const float* variance = nullptr;
  const float* scale = nullptr;
  float* dx = nullptr;
  float* dscale = nullptr;
  float* dbias = nullptr;
  // Of a clamp behind: its result, or what that is computed from.
  const float* y = nullptr;
  const float* bias = nullptr;
  const float* addend = nullptr;
  float* daddend = nullptr;
};
/// dx or daddend may lie on dy, or dx on x.
void batch_norm_gradient(const BatchNormShape& shape, const BatchNormBackward& tensors, Clamp clamp,
                         int threads, std::span<std::byte> workspace);

}  // namespace rockmate::cpu
