// Losses: means in double precision, over chunks that do not depend on the number of threads.

#include <cmath>

#include "exec/reference/lines.h"
#include "exec/reference/targets.h"

namespace rockmate::reference {
namespace {

// (logits, targets) -> (loss, log_sum); 0 where no target counts.
template <class T>
Body cross_entropy(const KernelView& kernel) {
  return [plan = Targets(kernel, 0, 1)](const Run& run) {
    const Indices targets = plan.read(run);
    const double counted = plan.count(targets);
    const T* logits = run.in<T>(0);
    T* log_sums = run.out<T>(1);
    const double sum =
        chunked_sum(run.threads(), plan.lines.count, [&](std::int64_t begin, std::int64_t end) {
          double part = 0;
          for (std::int64_t line = begin; line < end; ++line) {
            const T* x = logits + plan.lines.start(line);
            const LogSum<T> log = log_sum(plan.lines, x);
            const double total = log.largest + log.log;
            if (log_sums != nullptr) log_sums[line] = static_cast<T>(total);
            const std::int64_t target = targets[line];
            if (target != plan.ignored) part += total - x[target * plan.lines.stride];
          }
          return part;
        });
    *run.out<T>(0) = counted == 0 ? T(0) : static_cast<T>(sum / counted);
  };
}

// (dloss, logits, targets, log_sum) -> dlogits
template <class T>
Body cross_entropy_gradient(const KernelView& kernel) {
  return [plan = Targets(kernel, 1, 2)](const Run& run) {
    const Indices targets = plan.read(run);
    const double counted = plan.count(targets);
    const T share = counted == 0 ? T(0) : static_cast<T>(*run.in<T>(0) / counted);
    const T* logits = run.in<T>(1);
    const T* log_sums = run.in<T>(3);
    T* dlogits = run.out<T>();
    const Lines& lines = plan.lines;
    parallel_for(run.threads(), lines.count, kGrain / std::max<std::int64_t>(1, lines.length),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t line = begin; line < end; ++line) {
                     const T* x = logits + lines.start(line);
                     T* dx = dlogits + lines.start(line);
                     const std::int64_t target = targets[line];
                     const T factor = target == plan.ignored ? T(0) : share;
                     lines.visit([&](std::int64_t at) {
                       const T one = at == target * lines.stride ? T(1) : T(0);
                       dx[at] = factor * (std::exp(x[at] - log_sums[line]) - one);
                     });
                   }
                 });
  };
}

// The mean of f(prediction, target).
template <class T, class F>
Body pairwise(const KernelView& kernel, F f) {
  return [f, count = element_count(kernel.shape())](const Run& run) {
    const T* x = run.in<T>(0);
    const T* t = run.in<T>(1);
    const double sum = chunked_sum(run.threads(), count, [&](std::int64_t begin, std::int64_t end) {
      return lane_sum(end - begin, [&](std::int64_t i) {
        return f(static_cast<double>(x[begin + i]), static_cast<double>(t[begin + i]));
      });
    });
    *run.out<T>() = static_cast<T>(sum / static_cast<double>(count));
  };
}

// dx = dloss / count * f(x, t)
template <class T, class F>
Body pairwise_gradient(const KernelView& kernel, F f) {
  return [f, count = element_count(kernel.shape(1))](const Run& run) {
    const T share = static_cast<T>(*run.in<T>(0) / static_cast<double>(count));
    const T* x = run.in<T>(1);
    const T* t = run.in<T>(2);
    T* dx = run.out<T>();
    parallel_for(run.threads(), count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) dx[i] = share * f(x[i], t[i]);
    });
  };
}

template <class T>
Body loss(const KernelView& kernel) {
  switch (kernel.kind) {
    case OpKind::kCrossEntropy:
      return cross_entropy<T>(kernel);
    case OpKind::kCrossEntropyGradient:
      return cross_entropy_gradient<T>(kernel);
    case OpKind::kMeanSquaredError:
      return pairwise<T>(kernel, [](double x, double t) { return (x - t) * (x - t); });
    case OpKind::kMeanSquaredErrorGradient:
      return pairwise_gradient<T>(kernel, [](T x, T t) { return 2 * (x - t); });
    case OpKind::kBinaryCrossEntropy:  // log(1 + exp(x)) - t x, without overflow
      return pairwise<T>(kernel, [](double x, double t) {
        return std::max(x, 0.0) - t * x + std::log1p(std::exp(-std::abs(x)));
      });
    default:
      return pairwise_gradient<T>(kernel, [](T x, T t) { return 1 / (1 + std::exp(-x)) - t; });
  }
}

Body make_loss(const KernelView& kernel) {
  return for_floating(kernel, kernel.outputs[0].dtype,
                      [&](auto t) { return loss<decltype(t)>(kernel); });
}

}  // namespace

void add_loss_kernels(Makers& makers) {
  using enum OpKind;
  add(makers,
      {kCrossEntropy, kCrossEntropyGradient, kMeanSquaredError, kMeanSquaredErrorGradient,
       kBinaryCrossEntropy, kBinaryCrossEntropyGradient},
      make_loss);
}

}  // namespace rockmate::reference
