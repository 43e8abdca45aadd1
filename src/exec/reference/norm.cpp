// Normalisations. What belongs to one mean is a *set*: stretches of neighbours ("runs"), each with
// one scale and bias, or, for layer norm, one stretch with a scale and bias per element. Sums are
// in double precision, so that a run gives the same whether it writes its statistics or not.

#include <cmath>

#include "exec/reference/kernel.h"
#include "exec/reference/parallel.h"

namespace rockmate::reference {
namespace {

struct NormPlan {
  NormPlan(const KernelView& kernel, const Shape& x);

  std::int64_t sets = 1, runs = 1, length = 1;
  std::int64_t set_stride = 0, run_stride = 0;
  bool per_element = false;  // scale and bias
  std::int64_t period = 1;   // sets after which scale and bias repeat
  std::int64_t affine_set = 0, affine_run = 0;
  double epsilon;

  [[nodiscard]] std::int64_t start(std::int64_t set, std::int64_t run) const {
    return set * set_stride + run * run_stride;
  }
  // Of the run's first element.
  [[nodiscard]] std::int64_t affine(std::int64_t set, std::int64_t run) const {
    return set % period * affine_set + run * affine_run;
  }
  // Of all elements of a set.
  template <class F>
  [[nodiscard]] double mean(std::int64_t set, const F& f) const {
    double sum = 0;
    for (std::int64_t r = 0; r < runs; ++r) {
      const std::int64_t first = start(set, r);
      const std::int64_t at = affine(set, r);
      sum += lane_sum(length, [&](std::int64_t i) { return f(first + i, per_element ? i : at); });
    }
    return sum / static_cast<double>(runs * length);
  }
  // Calls body(element, its scale's place) for all elements of a set.
  template <class F>
  void for_each(std::int64_t set, const F& body) const {
    for (std::int64_t r = 0; r < runs; ++r) {
      const std::int64_t first = start(set, r);
      const std::int64_t at = affine(set, r);
      for (std::int64_t i = 0; i < length; ++i) body(first + i, per_element ? i : at);
    }
  }
  template <class F>
  void for_each_set(int threads, const F& body) const {
    parallel_for(threads, sets, kGrain / std::max<std::int64_t>(1, runs * length),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t s = begin; s < end; ++s) body(s);
                 });
  }
};

NormPlan::NormPlan(const KernelView& kernel, const Shape& x)
    : epsilon(kernel.attributes.real("epsilon")) {
  const std::size_t rank = x.size();
  switch (kernel.kind) {
    case OpKind::kBatchNorm:
    case OpKind::kBatchNormGradient:
      sets = period = x[1];
      runs = x[0];
      length = set_stride = extent(x, 2, rank);
      run_stride = sets * length;
      affine_set = 1;
      break;
    case OpKind::kLayerNorm:
    case OpKind::kLayerNormGradient: {
      const auto axis = static_cast<std::size_t>(kernel.attributes.integer("axis"));
      sets = extent(x, 0, axis);
      length = set_stride = extent(x, axis, rank);
      per_element = true;
      break;
    }
    default:  // group norm
      period = kernel.attributes.integer("groups");
      sets = x[0] * period;
      runs = x[1] / period;
      length = run_stride = extent(x, 2, rank);
      set_stride = runs * length;
      affine_set = runs;
      affine_run = 1;
  }
}

template <class T>
Body norm(const KernelView& kernel) {
  return [plan = NormPlan(kernel, kernel.shape()), affine = kernel.inputs.size()](const Run& run) {
    const T* x = run.in<T>(0);
    const T* scale = affine > 1 ? run.in<T>(1) : nullptr;
    const T* bias = affine > 2 ? run.in<T>(2) : nullptr;
    T* y = run.out<T>(0);
    T* means = run.out<T>(1);
    T* variances = run.out<T>(2);
    plan.for_each_set(run.threads(), [&](std::int64_t s) {
      const double mean = plan.mean(s, [&](std::int64_t e, std::int64_t) { return double(x[e]); });
      const double variance = plan.mean(s, [&](std::int64_t e, std::int64_t) {
        const double difference = x[e] - mean;
        return difference * difference;
      });
      if (means != nullptr) means[s] = static_cast<T>(mean);
      if (variances != nullptr) variances[s] = static_cast<T>(variance);
      const double inverse = 1 / std::sqrt(variance + plan.epsilon);
      plan.for_each(s, [&](std::int64_t e, std::int64_t a) {
        const auto normal = static_cast<T>((x[e] - mean) * inverse);
        y[e] = normal * (scale != nullptr ? scale[a] : T(1)) + (bias != nullptr ? bias[a] : T(0));
      });
    });
  };
}

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

template <class T>
Body running_statistics(const KernelView& kernel) {
  const double momentum = kernel.attributes.real("momentum");
  const auto count = static_cast<double>(kernel.attributes.integer("count"));
  const double unbiased = count > 1 ? count / (count - 1) : 1;
  return [momentum, unbiased, channels = element_count(kernel.shape())](const Run& run) {
    const auto follow = [&](T* running, const T* batch, double factor) {
      for (std::int64_t c = 0; c < channels; ++c) {
        running[c] = static_cast<T>((1 - momentum) * running[c] + momentum * factor * batch[c]);
      }
    };
    follow(run.updated<T>(2), run.in<T>(0), 1);
    follow(run.updated<T>(3), run.in<T>(1), unbiased);
  };
}

Body make_norm(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(), [&](auto t) { return norm<decltype(t)>(kernel); });
}
Body make_norm_gradient(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(),
                      [&](auto t) { return norm_gradient<decltype(t)>(kernel); });
}
Body make_running_statistics(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(),
                      [&](auto t) { return running_statistics<decltype(t)>(kernel); });
}

}  // namespace

void add_norm_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kBatchNorm, kLayerNorm, kGroupNorm}, make_norm);
  add(makers, {kBatchNormGradient, kLayerNormGradient, kGroupNormGradient}, make_norm_gradient);
  add(makers, {kRunningStatistics}, make_running_statistics);
}

}  // namespace rockmate::reference
