// Normalisations and running statistics. Sums are in double precision, so that a run gives the same
// whether it writes its statistics or not.

#include <cmath>

#include "exec/reference/norm_plan.h"

namespace rockmate::reference {
namespace {

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

// Batch and running statistics may be of different types.
template <class T, class R>
Body running_statistics(const KernelView& kernel) {
  const double momentum = kernel.attributes.real("momentum");
  const auto count = static_cast<double>(kernel.attributes.integer("count"));
  const double unbiased = count > 1 ? count / (count - 1) : 1;
  return [momentum, unbiased, channels = element_count(kernel.shape())](const Run& run) {
    const auto follow = [&](R* running, const T* batch, double factor) {
      for (std::int64_t c = 0; c < channels; ++c) {
        running[c] = static_cast<R>((1 - momentum) * running[c] + momentum * factor * batch[c]);
      }
    };
    follow(run.updated<R>(2), run.in<T>(0), 1);
    follow(run.updated<R>(3), run.in<T>(1), unbiased);
  };
}

Body make_norm(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(), [&](auto t) { return norm<decltype(t)>(kernel); });
}
Body make_running_statistics(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(0), [&](auto t) {
    return for_floating(kernel, kernel.dtype(2), [&](auto r) {
      return running_statistics<decltype(t), decltype(r)>(kernel);
    });
  });
}

}  // namespace

void add_norm_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kBatchNorm, kLayerNorm, kGroupNorm}, make_norm);
  add(makers, {kRunningStatistics}, make_running_statistics);
}

}  // namespace rockmate::reference
