// The gradients of normalisations: (dy, x, mean, variance, scale) -> (dx, dscale, dbias).

#include <cmath>

#include "exec/reference/norm_plan.h"

namespace rockmate::reference {
namespace {

// One element of the gradients' sums: n = (x - mean) / deviation.
template <class T>
struct GradientInputs {
  GradientInputs(const Run& run, bool has_scale)
      : dy(run.in<T>(0)),
        x(run.in<T>(1)),
        means(run.in<T>(2)),
        variances(run.in<T>(3)),
        scale(has_scale ? run.in<T>(4) : nullptr) {}
  [[nodiscard]] double inverse(std::int64_t set, double epsilon) const {
    return 1 / std::sqrt(static_cast<double>(variances[set]) + epsilon);
  }
  const T* dy;
  const T* x;
  const T* means;
  const T* variances;
  const T* scale;
};

// dscale = sum of dy n, dbias = sum of dy, over all runs that share them: those of one channel.
template <class T>
void channel_sums(const NormPlan& plan, const GradientInputs<T>& in, std::int64_t channel,
                  T* dscale, T* dbias) {
  double scale_sum = 0;
  double bias_sum = 0;
  const auto add_run = [&](std::int64_t set, std::int64_t run) {
    const T* dy = in.dy + plan.start(set, run);
    const T* x = in.x + plan.start(set, run);
    const double mean = in.means[set];
    scale_sum += in.inverse(set, plan.epsilon) *
                 lane_sum(plan.length, [&](std::int64_t i) { return dy[i] * (x[i] - mean); });
    bias_sum += lane_sum(plan.length, [&](std::int64_t i) { return double(dy[i]); });
  };
  if (plan.affine_run == 0) {
    for (std::int64_t r = 0; r < plan.runs; ++r) add_run(channel, r);
  } else {
    for (std::int64_t s = channel / plan.runs; s < plan.sets; s += plan.period) {
      add_run(s, channel % plan.runs);
    }
  }
  if (dscale != nullptr) dscale[channel] = static_cast<T>(scale_sum);
  if (dbias != nullptr) dbias[channel] = static_cast<T>(bias_sum);
}

// The same for scales and biases per element, for a block of them.
constexpr std::int64_t kBlock = 64;
template <class T>
void column_sums(const NormPlan& plan, const GradientInputs<T>& in, std::int64_t block, T* dscale,
                 T* dbias) {
  const std::int64_t first = block * kBlock;
  const std::int64_t n = std::min(kBlock, plan.length - first);
  double scale_sums[kBlock] = {};
  double bias_sums[kBlock] = {};
  for (std::int64_t s = 0; s < plan.sets; ++s) {
    const T* dy = in.dy + plan.start(s, 0) + first;
    const T* x = in.x + plan.start(s, 0) + first;
    const double mean = in.means[s];
    const double inverse = in.inverse(s, plan.epsilon);
    for (std::int64_t i = 0; i < n; ++i) {
      scale_sums[i] += dy[i] * ((x[i] - mean) * inverse);
      bias_sums[i] += dy[i];
    }
  }
  for (std::int64_t i = 0; i < n; ++i) {
    if (dscale != nullptr) dscale[first + i] = static_cast<T>(scale_sums[i]);
    if (dbias != nullptr) dbias[first + i] = static_cast<T>(bias_sums[i]);
  }
}

template <class T>
void affine_gradients(const NormPlan& plan, const GradientInputs<T>& in, const Run& run) {
  T* dscale = run.out<T>(1);
  T* dbias = run.out<T>(2);
  if (dscale == nullptr && dbias == nullptr) return;
  const std::int64_t channels = plan.affine_run == 0 ? plan.sets : plan.period * plan.runs;
  const std::int64_t parts = plan.per_element ? (plan.length + kBlock - 1) / kBlock : channels;
  parallel_for(run.threads(), parts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      if (plan.per_element) {
        column_sums(plan, in, p, dscale, dbias);
      } else {
        channel_sums(plan, in, p, dscale, dbias);
      }
    }
  });
}

// dx = (g - mean(g) - n mean(g n)) / deviation, where g = dy scale. It may lie on dy, so it comes
// last.
template <class T>
Body norm_gradient(const KernelView& kernel) {
  const bool has_scale = kernel.inputs.size() > 4;
  return [plan = NormPlan(kernel, kernel.shape(1)), has_scale](const Run& run) {
    const GradientInputs<T> in(run, has_scale);
    affine_gradients(plan, in, run);
    T* dx = run.out<T>(0);
    if (dx == nullptr) return;
    plan.for_each_set(run.threads(), [&](std::int64_t s) {
      const double mean = in.means[s];
      const double inverse = in.inverse(s, plan.epsilon);
      const auto g = [&](std::int64_t e, std::int64_t a) {
        return static_cast<double>(in.dy[e]) * (in.scale != nullptr ? in.scale[a] : T(1));
      };
      const double mean_g = plan.mean(s, g);
      const double slope = inverse * plan.mean(s, [&](std::int64_t e, std::int64_t a) {
        return g(e, a) * ((in.x[e] - mean) * inverse);
      });
      plan.for_each(s, [&](std::int64_t e, std::int64_t a) {
        dx[e] = static_cast<T>((g(e, a) - mean_g - (in.x[e] - mean) * slope) * inverse);
      });
    });
  };
}

Body make_norm_gradient(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(),
                      [&](auto t) { return norm_gradient<decltype(t)>(kernel); });
}

}  // namespace

void add_norm_gradient_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kBatchNormGradient, kLayerNormGradient, kGroupNormGradient}, make_norm_gradient);
}

}  // namespace rockmate::reference
