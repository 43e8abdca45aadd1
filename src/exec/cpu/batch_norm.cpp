#include "exec/cpu/batch_norm.h"

#include <algorithm>
#include <cmath>

#include "exec/cpu/batch_norm_sums.h"
#include "exec/cpu/families.h"
#include "exec/parallel.h"
#include "rockmate/training_model.h"

namespace rockmate::cpu {
namespace {

float inverse_deviation(float variance, double epsilon) {
  return static_cast<float>(1 / std::sqrt(static_cast<double>(variance) + epsilon));
}

template <class F>
void for_each_rows(const BatchNormShape& shape, int threads, const F& body) {
  parallel_for(
      threads, shape.rows, kGrain / std::max<std::int64_t>(1, shape.channels),
      [&](std::int64_t begin, std::int64_t end) { body(begin * shape.channels, end - begin); });
}

}  // namespace

Bytes batch_norm_workspace(const BatchNormShape& shape) {
  return aligned(Bytes(BatchNormParts(shape).count * 2 * shape.channels * 8)) +
         Bytes(kNormFactors * shape.channels * 4);
}

void batch_norm_line(const BatchNormShape& shape, const BatchNormNumbers& by, float* center,
                     float* slope, float* offset) {
  for (std::int64_t c = 0; c < shape.channels; ++c) {
    const float inverse = inverse_deviation(by.variance[c], shape.epsilon);
    center[c] = by.mean[c];
    slope[c] = inverse * (by.scale != nullptr ? by.scale[c] : 1);
    offset[c] = by.bias != nullptr ? by.bias[c] : 0;
  }
}

void batch_norm_statistics(const BatchNormShape& shape, const BatchNormForward& t, int threads,
                           std::span<std::byte> workspace) {
  const BatchNormParts parts(shape);
  const BatchNormSpace space(shape, parts, workspace);
  parallel_for(threads, parts.count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      channel_moments(t.x + parts.first(p) * shape.channels, parts.size(p), shape.channels,
                      space.sum(p, 0), space.sum(p, 1));
    }
  });
  for (std::int64_t c = 0; c < shape.channels; ++c) {
    double mean = 0;
    double squares = 0;
    for (std::int64_t p = 0; p < parts.count; ++p) {
      const auto before = static_cast<double>(parts.first(p));
      const auto size = static_cast<double>(parts.size(p));
      const double distance = space.sum(p, 0)[c] - mean;
      mean += distance * (size / (before + size));
      squares += space.sum(p, 1)[c] + distance * distance * before * (size / (before + size));
    }
    t.mean[c] = static_cast<float>(mean);
    t.variance[c] = static_cast<float>(squares / static_cast<double>(shape.rows));
  }
}

void batch_norm_apply(const BatchNormShape& shape, const BatchNormNumbers& numbers, const float* x,
                      const float* addend, Clamp clamp, float* y, int threads,
                      std::span<std::byte> workspace) {
  const BatchNormSpace space(shape, BatchNormParts(shape), workspace);
  batch_norm_line(shape, numbers, space.factor(0), space.factor(1), space.factor(2));
  for_each_rows(shape, threads, [&](std::int64_t at, std::int64_t rows) {
    channel_normalize(x + at, addend != nullptr ? addend + at : nullptr, line_of(space), clamp,
                      y + at, rows, shape.channels);
  });
}

void batch_norm(const BatchNormShape& shape, const BatchNormForward& tensors, Clamp clamp,
                int threads, std::span<std::byte> workspace) {
  BatchNormForward t = tensors;
  const BatchNormSpace space(shape, BatchNormParts(shape), workspace);
  // Factors that the line does not take.
  if (t.mean == nullptr) t.mean = space.factor(3);
  if (t.variance == nullptr) t.variance = space.factor(4);
  batch_norm_statistics(shape, t, threads, workspace);
  batch_norm_apply(shape, {t.mean, t.variance, t.scale, t.bias}, t.x, t.addend, clamp, t.y, threads,
                   workspace);
}

void write_gradient_factors(const BatchNormShape& shape, const BatchNormParts& parts,
                            const BatchNormBackward& t, const BatchNormSpace& space) {
  float* const a = space.factor(3);
  float* const b = space.factor(4);
  float* const c0 = space.factor(5);
  const double share = 1 / static_cast<double>(shape.rows);
  for (std::int64_t c = 0; c < shape.channels; ++c) {
    double sum = 0;
    double moment = 0;
    for (std::int64_t p = 0; p < parts.count; ++p) {
      sum += space.sum(p, 0)[c];
      moment += space.sum(p, 1)[c];
    }
    const double inverse = inverse_deviation(t.variance[c], shape.epsilon);
    if (t.dscale != nullptr) t.dscale[c] = static_cast<float>(inverse * moment);
    if (t.dbias != nullptr) t.dbias[c] = static_cast<float>(sum);
    const double slope = inverse * (t.scale != nullptr ? t.scale[c] : 1);
    a[c] = static_cast<float>(slope);
    b[c] = static_cast<float>(-slope * inverse * inverse * moment * share);
    c0[c] = static_cast<float>(-slope * sum * share);
  }
}

void batch_norm_gradient(const BatchNormShape& shape, const BatchNormBackward& t, Clamp clamp,
                         int threads, std::span<std::byte> workspace) {
  const BatchNormParts parts(shape);
  const BatchNormSpace space(shape, parts, workspace);
  batch_norm_line(shape, {t.mean, t.variance, t.scale, t.bias}, space.factor(0), space.factor(1),
                  space.factor(2));
  const auto gate = [&](std::int64_t at) {
    const auto from = [at](const float* p) { return p != nullptr ? p + at : nullptr; };
    return Gate{clamp, from(t.y), from(t.addend), line_of(space)};
  };
  parallel_for(threads, parts.count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      const std::int64_t at = parts.first(p) * shape.channels;
      channel_gradient_sums(t.dy + at, t.x + at, gate(at), space.factor(0), parts.size(p),
                            shape.channels, space.sum(p, 0), space.sum(p, 1));
    }
  });
  write_gradient_factors(shape, parts, t, space);
  if (t.dx == nullptr && t.daddend == nullptr) return;
  const auto from = [](float* p, std::int64_t at) { return p != nullptr ? p + at : nullptr; };
  for_each_rows(shape, threads, [&](std::int64_t at, std::int64_t rows) {
    channel_gradient(t.dy + at, t.x + at, gate(at), gradient_factors(space), from(t.dx, at),
                     from(t.daddend, at), rows, shape.channels);
  });
}

namespace {

// Channels are innermost in a channels-last image, and where there is nothing but channels.
std::optional<BatchNormShape> rows_of(const KernelView& kernel, const TensorType& x) {
  const bool has_rows =
      x.format == MemoryFormat::kChannelsLast || extent(x.shape, 2, x.shape.size()) == 1;
  if (!has_rows || !is_float32(kernel)) return std::nullopt;
  const std::int64_t pixels = extent(x.shape, 2, x.shape.size());
  return BatchNormShape{x.shape[0] * pixels, x.shape[1], kernel.attributes.real("epsilon")};
}

std::optional<Prepared> make_batch_norm(const KernelView& kernel, int) {
  const auto shape = rows_of(kernel, kernel.inputs[0]);
  if (!shape || kernel.outputs[0].format != kernel.inputs[0].format) return std::nullopt;
  const std::size_t inputs = kernel.inputs.size();
  const auto body = [shape = *shape, inputs](const Run& run) {
    BatchNormForward tensors;
    tensors.x = run.in<float>(0);
    if (inputs > 1) tensors.scale = run.in<float>(1);
    if (inputs > 2) tensors.bias = run.in<float>(2);
    tensors.y = run.out<float>(0);
    tensors.mean = run.out<float>(1);
    tensors.variance = run.out<float>(2);
    batch_norm(shape, tensors, {}, run.threads(), run.workspace());
  };
  return Prepared{body, batch_norm_workspace(*shape)};
}

std::optional<Prepared> make_batch_norm_statistics(const KernelView& kernel, int) {
  const auto shape = rows_of(kernel, kernel.inputs[0]);
  if (!shape) return std::nullopt;
  const auto body = [shape = *shape](const Run& run) {
    BatchNormForward tensors;
    tensors.x = run.in<float>(0);
    tensors.mean = run.out<float>(0);
    tensors.variance = run.out<float>(1);
    batch_norm_statistics(shape, tensors, run.threads(), run.workspace());
  };
  return Prepared{body, batch_norm_workspace(*shape)};
}

std::optional<Prepared> make_batch_norm_apply(const KernelView& kernel, int) {
  const auto shape = rows_of(kernel, kernel.inputs[0]);
  if (!shape || kernel.outputs[0].format != kernel.inputs[0].format) return std::nullopt;
  const auto body = [shape = *shape, inputs = kernel.inputs.size()](const Run& run) {
    BatchNormNumbers numbers = {run.in<float>(1), run.in<float>(2)};
    if (inputs > 3) numbers.scale = run.in<float>(3);
    if (inputs > 4) numbers.bias = run.in<float>(4);
    batch_norm_apply(shape, numbers, run.in<float>(0), nullptr, {}, run.out<float>(), run.threads(),
                     run.workspace());
  };
  return Prepared{body, batch_norm_workspace(*shape)};
}

std::optional<Prepared> make_batch_norm_gradient(const KernelView& kernel, int) {
  const auto shape = rows_of(kernel, kernel.inputs[1]);
  const MemoryFormat format = kernel.inputs[1].format;
  if (!shape || kernel.inputs[0].format != format || kernel.outputs[0].format != format) {
    return std::nullopt;
  }
  const auto body = [shape = *shape, has_scale = kernel.inputs.size() > 4](const Run& run) {
    BatchNormBackward tensors;
    tensors.dy = run.in<float>(0);
    tensors.x = run.in<float>(1);
    tensors.mean = run.in<float>(2);
    tensors.variance = run.in<float>(3);
    if (has_scale) tensors.scale = run.in<float>(4);
    tensors.dx = run.out<float>(0);
    tensors.dscale = run.out<float>(1);
    tensors.dbias = run.out<float>(2);
    batch_norm_gradient(shape, tensors, {}, run.threads(), run.workspace());
  };
  return Prepared{body, batch_norm_workspace(*shape)};
}

}  // namespace

void add_batch_norm_kernels(Makers& makers) {
  add(makers, {OpKind::kBatchNorm}, make_batch_norm);
  add(makers, {OpKind::kBatchNormStatistics}, make_batch_norm_statistics);
  add(makers, {OpKind::kBatchNormApply}, make_batch_norm_apply);
  add(makers, {OpKind::kBatchNormGradient}, make_batch_norm_gradient);
}

}  // namespace rockmate::cpu
