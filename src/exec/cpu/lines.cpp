// Softmax, its logarithm, cross-entropy and layer normalisation along the innermost axis of rows:
// line by line.

#include <algorithm>
#include <cmath>

#include "exec/cpu/families.h"
#include "exec/cpu/line_spans.h"
#include "exec/reference/targets.h"
#include "rockmate/training_model.h"

namespace rockmate::cpu {
namespace {

using reference::Lines;
using reference::Targets;

bool lies_in_rows(const KernelView& kernel) {
  const auto in_rows = [](const TensorType& t) { return t.format == MemoryFormat::kRowMajor; };
  return std::all_of(kernel.inputs.begin(), kernel.inputs.end(), in_rows) &&
         std::all_of(kernel.outputs.begin(), kernel.outputs.end(), in_rows);
}

// body(offset of the line)
template <class F>
Body for_lines(const Lines& lines, const F& body) {
  return [=](const Run& run) {
    lines.for_each(run.threads(), [&](std::int64_t start) { body(run, start, lines.length); });
  };
}

std::optional<Prepared> make_softmax(const KernelView& kernel, int) {
  const Lines lines(kernel, kernel.shape());
  if (lines.stride != 1 || !is_float32(kernel) || !lies_in_rows(kernel)) return std::nullopt;
  const auto f = kernel.kind == OpKind::kSoftmax ? softmax_line : log_softmax_line;
  return Prepared{for_lines(lines, [f](const Run& run, std::int64_t at, std::int64_t n) {
    f(run.in<float>() + at, run.out<float>() + at, n);
  })};
}

std::optional<Prepared> make_softmax_gradient(const KernelView& kernel, int) {
  const Lines lines(kernel, kernel.shape());
  if (lines.stride != 1 || !is_float32(kernel) || !lies_in_rows(kernel)) return std::nullopt;
  const auto f =
      kernel.kind == OpKind::kSoftmaxGradient ? softmax_gradient_line : log_softmax_gradient_line;
  return Prepared{for_lines(lines, [f](const Run& run, std::int64_t at, std::int64_t n) {
    f(run.in<float>(0) + at, run.in<float>(1) + at, run.out<float>() + at, n);
  })};
}

// (logits, targets) -> (loss, log_sum)
std::optional<Prepared> make_cross_entropy(const KernelView& kernel, int) {
  const Targets plan(kernel, 0, 1);
  const bool fits = kernel.dtype() == DType::kFloat32 && lies_in_rows(kernel);
  if (plan.lines.stride != 1 || !fits) return std::nullopt;
  return Prepared{[plan](const Run& run) {
    const Indices targets = plan.read(run);
    const double counted = plan.count(targets);
    float* log_sums = run.out<float>(1);
    const auto losses = [&](std::int64_t begin, std::int64_t end) {
      double part = 0;
      for (std::int64_t line = begin; line < end; ++line) {
        const float* x = run.in<float>(0) + plan.lines.start(line);
        const LineSum sum = line_sum(x, plan.lines.length);
        const double total = sum.largest + std::log(sum.sum);
        if (log_sums != nullptr) log_sums[line] = static_cast<float>(total);
        if (targets[line] != plan.ignored) part += total - x[targets[line]];
      }
      return part;
    };
    const double sum = chunked_sum(run.threads(), plan.lines.count, losses);
    *run.out<float>(0) = counted == 0 ? 0 : static_cast<float>(sum / counted);
  }};
}

// (dloss, logits, targets, log_sum) -> dlogits
std::optional<Prepared> make_cross_entropy_gradient(const KernelView& kernel, int) {
  const Targets plan(kernel, 1, 2);
  const bool fits = kernel.dtype() == DType::kFloat32 && lies_in_rows(kernel);
  if (plan.lines.stride != 1 || !fits) return std::nullopt;
  return Prepared{[plan](const Run& run) {
    const Indices targets = plan.read(run);
    const double counted = plan.count(targets);
    const float share = counted == 0 ? 0 : static_cast<float>(*run.in<float>(0) / counted);
    const float* log_sums = run.in<float>(3);
    const std::int64_t n = plan.lines.length;
    parallel_for(run.threads(), plan.lines.count, kGrain / std::max<std::int64_t>(1, n),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t line = begin; line < end; ++line) {
                     const std::int64_t target = targets[line];
                     const bool counts = target != plan.ignored;
                     float* dx = run.out<float>() + line * n;
                     scaled_exp_line(run.in<float>(1) + line * n, log_sums[line],
                                     counts ? share : 0, dx, n);
                     if (counts) dx[target] -= share;
                   }
                 });
  }};
}

struct LayerNorm {
  LayerNorm(const KernelView& kernel, const Shape& x) : epsilon(kernel.attributes.real("epsilon")) {
    const auto axis = static_cast<std::size_t>(kernel.attributes.integer("axis"));
    lines = extent(x, 0, axis);
    length = extent(x, axis, x.size());
    // Sums over lines are cut in parts that do not depend on the number of threads.
    constexpr std::int64_t kMostParts = 64;
    constexpr std::int64_t kLeastLines = 16;
    parts = std::clamp<std::int64_t>(lines / kLeastLines, 1, kMostParts);
  }
  [[nodiscard]] float inverse(float variance) const {
    return static_cast<float>(1 / std::sqrt(static_cast<double>(variance) + epsilon));
  }
  [[nodiscard]] std::int64_t first(std::int64_t part) const { return lines * part / parts; }

  double epsilon;
  std::int64_t lines, length, parts;
};

std::optional<Prepared> make_layer_norm(const KernelView& kernel, int) {
  if (!is_float32(kernel) || !lies_in_rows(kernel)) return std::nullopt;
  return Prepared{
      [norm = LayerNorm(kernel, kernel.shape()), affine = kernel.inputs.size()](const Run& run) {
        const float* scale = affine > 1 ? run.in<float>(1) : nullptr;
        const float* bias = affine > 2 ? run.in<float>(2) : nullptr;
        float* means = run.out<float>(1);
        float* variances = run.out<float>(2);
        parallel_for(run.threads(), norm.lines, kGrain / std::max<std::int64_t>(1, norm.length),
                     [&](std::int64_t begin, std::int64_t end) {
                       for (std::int64_t line = begin; line < end; ++line) {
                         const float* x = run.in<float>(0) + line * norm.length;
                         const LineMoments moments = line_moments(x, norm.length);
                         if (means != nullptr) means[line] = moments.mean;
                         if (variances != nullptr) variances[line] = moments.variance;
                         normalize_line(x, moments.mean, norm.inverse(moments.variance), scale,
                                        bias, run.out<float>(0) + line * norm.length, norm.length);
                       }
                     });
      }};
}

// One part of the lines; sums is where its sums for scale and bias begin.
void layer_norm_gradient_part(const LayerNorm& norm, const Run& run, bool has_scale,
                              std::int64_t part, float* sums) {
  const std::int64_t n = norm.length;
  float* dscale = run.out<float>(1) != nullptr ? sums : nullptr;
  float* dbias = run.out<float>(2) != nullptr ? sums + n : nullptr;
  std::fill_n(sums, 2 * n, 0.0f);
  for (std::int64_t line = norm.first(part); line < norm.first(part + 1); ++line) {
    float* dx = run.out<float>(0);
    layer_norm_gradient_line(run.in<float>(0) + line * n, run.in<float>(1) + line * n,
                             run.in<float>(2)[line], norm.inverse(run.in<float>(3)[line]),
                             has_scale ? run.in<float>(4) : nullptr,
                             dx != nullptr ? dx + line * n : nullptr, dscale, dbias, n);
  }
}

std::optional<Prepared> make_layer_norm_gradient(const KernelView& kernel, int) {
  if (!is_float32(kernel) || !lies_in_rows(kernel)) return std::nullopt;
  const LayerNorm norm(kernel, kernel.shape(1));
  const auto body = [norm, has_scale = kernel.inputs.size() > 4](const Run& run) {
    auto* sums = reinterpret_cast<float*>(run.workspace().data());
    const std::int64_t n = norm.length;
    parallel_for(run.threads(), norm.parts, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t p = begin; p < end; ++p) {
        layer_norm_gradient_part(norm, run, has_scale, p, sums + p * 2 * n);
      }
    });
    for (const std::int64_t which : {0, 1}) {
      float* result = run.out<float>(which == 0 ? 1 : 2);
      if (result == nullptr) continue;
      parallel_for(run.threads(), n, kGrain / norm.parts,
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t c = begin; c < end; ++c) {
                       double sum = 0;
                       for (std::int64_t p = 0; p < norm.parts; ++p) {
                         sum += sums[(p * 2 + which) * n + c];
                       }
                       result[c] = static_cast<float>(sum);
                     }
                   });
    }
  };
  return Prepared{body, aligned(Bytes(norm.parts * 2 * norm.length * 4))};
}

}  // namespace

void add_line_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kSoftmax, kLogSoftmax}, make_softmax);
  add(makers, {kSoftmaxGradient, kLogSoftmaxGradient}, make_softmax_gradient);
  add(makers, {kCrossEntropy}, make_cross_entropy);
  add(makers, {kCrossEntropyGradient}, make_cross_entropy_gradient);
  add(makers, {kLayerNorm}, make_layer_norm);
  add(makers, {kLayerNormGradient}, make_layer_norm_gradient);
}

}  // namespace rockmate::cpu
