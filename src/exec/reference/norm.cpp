// Normalisations and running statistics. Sums are in double precision. What normalises are the
// statistics as they are written, rounded: a run gives the same whether it writes them or not, and
// batch norm the same in one op or in two.

#include <cmath>

#include "exec/reference/norm_plan.h"

namespace rockmate::reference {
namespace {

template <class T>
struct Statistics {
  T mean, variance;
};

template <class T>
Statistics<T> statistics_of(const NormPlan& plan, std::int64_t set, const T* x) {
  const double mean = plan.mean(set, [&](std::int64_t e, std::int64_t) { return double(x[e]); });
  const double variance = plan.mean(set, [&](std::int64_t e, std::int64_t) {
    const double difference = x[e] - mean;
    return difference * difference;
  });
  return {static_cast<T>(mean), static_cast<T>(variance)};
}

template <class T>
struct Affine {
  const T* scale;  // null: 1
  const T* bias;   // null: 0
};

// Operands `first` and `first` + 1, as far as they are there.
template <class T>
Affine<T> affine_of(const Run& run, std::size_t first, std::size_t operands) {
  return {operands > first ? run.in<T>(first) : nullptr,
          operands > first + 1 ? run.in<T>(first + 1) : nullptr};
}

template <class T>
void normalise(const NormPlan& plan, std::int64_t set, const T* x, const Statistics<T>& by,
               const Affine<T>& affine, T* y) {
  const double mean = by.mean;
  const double inverse = 1 / std::sqrt(by.variance + plan.epsilon);
  plan.for_each(set, [&](std::int64_t e, std::int64_t a) {
    const auto normal = static_cast<T>((x[e] - mean) * inverse);
    y[e] = normal * (affine.scale != nullptr ? affine.scale[a] : T(1)) +
           (affine.bias != nullptr ? affine.bias[a] : T(0));
  });
}

template <class T>
Body norm(const KernelView& kernel) {
  return
      [plan = NormPlan(kernel, kernel.shape()), operands = kernel.inputs.size()](const Run& run) {
        const T* x = run.in<T>(0);
        const auto affine = affine_of<T>(run, 1, operands);
        T* y = run.out<T>(0);
        T* means = run.out<T>(1);
        T* variances = run.out<T>(2);
        plan.for_each_set(run.threads(), [&](std::int64_t s) {
          const Statistics<T> found = statistics_of(plan, s, x);
          if (means != nullptr) means[s] = found.mean;
          if (variances != nullptr) variances[s] = found.variance;
          normalise(plan, s, x, found, affine, y);
        });
      };
}

template <class T>
Body batch_norm_statistics(const KernelView& kernel) {
  return [plan = NormPlan(kernel, kernel.shape())](const Run& run) {
    plan.for_each_set(run.threads(), [&](std::int64_t s) {
      const Statistics<T> found = statistics_of(plan, s, run.in<T>());
      run.out<T>(0)[s] = found.mean;
      run.out<T>(1)[s] = found.variance;
    });
  };
}

template <class T>
Body batch_norm_apply(const KernelView& kernel) {
  return
      [plan = NormPlan(kernel, kernel.shape()), operands = kernel.inputs.size()](const Run& run) {
        const auto affine = affine_of<T>(run, 3, operands);
        plan.for_each_set(run.threads(), [&](std::int64_t s) {
          const Statistics<T> given = {run.in<T>(1)[s], run.in<T>(2)[s]};
          normalise(plan, s, run.in<T>(0), given, affine, run.out<T>());
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
  return for_floating(kernel, kernel.dtype(), [&](auto t) -> Body {
    using T = decltype(t);
    if (kernel.kind == OpKind::kBatchNormStatistics) return batch_norm_statistics<T>(kernel);
    if (kernel.kind == OpKind::kBatchNormApply) return batch_norm_apply<T>(kernel);
    return norm<T>(kernel);
  });
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
  add(makers, {kBatchNorm, kBatchNormStatistics, kBatchNormApply, kLayerNorm, kGroupNorm},
      make_norm);
  add(makers, {kRunningStatistics}, make_running_statistics);
}

}  // namespace rockmate::reference
