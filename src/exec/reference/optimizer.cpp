// Optimizers: (parameter, gradient, states..., factor), the parameter and the states updated; and
// what prepares gradients for them.

#include <cmath>

#include "exec/parallel.h"
#include "exec/reference/kernel.h"

namespace rockmate::reference {
namespace {

// What all optimizers know of a run.
template <class T>
struct Update {
  Update(const KernelView& kernel, std::size_t states)
      : base_rate(kernel.attributes.real("learning_rate")),
        decay(kernel.attributes.real("weight_decay")),
        every(static_cast<std::uint64_t>(kernel.attributes.integer("every", 1))),
        factor_input(2 + states),
        has_factor(kernel.inputs.size() > factor_input),
        count(element_count(kernel.shape())) {}

  [[nodiscard]] bool is_due(const Run& run) const { return (run.step() + 1) % every == 0; }
  [[nodiscard]] double rate(const Run& run) const { return base_rate * run.rate(); }
  // Times one is the same bits.
  [[nodiscard]] T factor(const Run& run) const {
    return has_factor ? *run.in<T>(factor_input) : T(1);
  }
  template <class F>
  void for_each(const Run& run, const F& f) const {
    parallel_for(run.threads(), count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) f(i);
    });
  }

  double base_rate, decay;
  std::uint64_t every;
  std::size_t factor_input;
  bool has_factor;
  std::int64_t count;
};

template <class T>
Body sgd(const KernelView& kernel) {
  return [update = Update<T>(kernel, 0)](const Run& run) {
    if (!update.is_due(run)) return;
    const T rate = static_cast<T>(update.rate(run));
    const T decay = static_cast<T>(update.decay);
    const T factor = update.factor(run);
    T* w = run.updated<T>(0);
    const T* gradient = run.in<T>(1);
    update.for_each(run,
                    [=](std::int64_t i) { w[i] -= rate * (gradient[i] * factor + decay * w[i]); });
  };
}

template <class T>
Body momentum(const KernelView& kernel) {
  const T friction = static_cast<T>(kernel.attributes.real("momentum"));
  return [friction, update = Update<T>(kernel, 1)](const Run& run) {
    if (!update.is_due(run)) return;
    const T rate = static_cast<T>(update.rate(run));
    const T decay = static_cast<T>(update.decay);
    const T factor = update.factor(run);
    T* w = run.updated<T>(0);
    const T* gradient = run.in<T>(1);
    T* velocity = run.updated<T>(2);
    update.for_each(run, [=](std::int64_t i) {
      velocity[i] = friction * velocity[i] + (gradient[i] * factor + decay * w[i]);
      w[i] -= rate * velocity[i];
    });
  };
}

// The bias corrections are those of the update that this run makes.
template <class T>
Body adam(const KernelView& kernel) {
  const auto real = [&](const char* name) { return kernel.attributes.real(name); };
  const double beta1 = real("beta1");
  const double beta2 = real("beta2");
  const bool decoupled = kernel.attributes.flag("decoupled");
  const T epsilon = static_cast<T>(real("epsilon"));
  return [=, update = Update<T>(kernel, 2)](const Run& run) {
    if (!update.is_due(run)) return;
    const double rate = update.rate(run);
    const T coupled_decay = static_cast<T>(decoupled ? 0 : update.decay);
    const T shrink = static_cast<T>(decoupled ? rate * update.decay : 0);
    const double updates = static_cast<double>((run.step() + 1) / update.every);
    const T step_size = static_cast<T>(rate / (1 - std::pow(beta1, updates)));
    const T correction = static_cast<T>(1 / (1 - std::pow(beta2, updates)));
    const T b1 = static_cast<T>(beta1);
    const T b2 = static_cast<T>(beta2);
    const T rest1 = static_cast<T>(1 - beta1);
    const T rest2 = static_cast<T>(1 - beta2);
    const T factor = update.factor(run);
    T* w = run.updated<T>(0);
    const T* gradient = run.in<T>(1);
    T* m = run.updated<T>(2);
    T* v = run.updated<T>(3);
    update.for_each(run, [=](std::int64_t i) {
      const T g = gradient[i] * factor + coupled_decay * w[i];
      m[i] = b1 * m[i] + rest1 * g;
      v[i] = b2 * v[i] + rest2 * g * g;
      w[i] -= shrink * w[i];
      w[i] -= step_size * m[i] / (std::sqrt(v[i] * correction) + epsilon);
    });
  };
}

template <class T>
Body accumulate(const KernelView& kernel) {
  const auto every = static_cast<std::uint64_t>(kernel.attributes.integer("every"));
  return [every, count = element_count(kernel.shape())](const Run& run) {
    T* sum = run.updated<T>(0);
    const T* gradient = run.in<T>(1);
    const T share = static_cast<T>(1 / static_cast<double>(every));
    const bool is_first = run.step() % every == 0;
    parallel_for(run.threads(), count, kGrain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        sum[i] = is_first ? share * gradient[i] : sum[i] + share * gradient[i];
      }
    });
  };
}

template <class T>
Body squared_norm(const KernelView& kernel) {
  return [count = element_count(kernel.shape())](const Run& run) {
    const T* x = run.in<T>();
    const double sum = chunked_sum(run.threads(), count, [&](std::int64_t begin, std::int64_t end) {
      return lane_sum(end - begin, [&](std::int64_t i) {
        const auto element = static_cast<double>(x[begin + i]);
        return element * element;
      });
    });
    *run.out<T>() = static_cast<T>(sum);
  };
}

template <class T>
Body clip_factor(const KernelView& kernel) {
  return [largest = kernel.attributes.real("max_norm")](const Run& run) {
    double sum = 0;
    for (std::size_t i = 0; i < run.inputs(); ++i) sum += static_cast<double>(*run.in<T>(i));
    const double factor = largest / (std::sqrt(sum) + 1e-6);
    *run.out<T>() = static_cast<T>(factor < 1 ? factor : 1);
  };
}

Body make_optimizer(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(), [&](auto t) {
    using T = decltype(t);
    switch (kernel.kind) {
      case OpKind::kSgd:
        return sgd<T>(kernel);
      case OpKind::kMomentum:
        return momentum<T>(kernel);
      case OpKind::kAdam:
        return adam<T>(kernel);
      case OpKind::kAccumulate:
        return accumulate<T>(kernel);
      case OpKind::kSquaredNorm:
        return squared_norm<T>(kernel);
      default:
        return clip_factor<T>(kernel);
    }
  });
}

}  // namespace

void add_optimizer_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kSgd, kMomentum, kAdam, kAccumulate, kSquaredNorm, kClipFactor}, make_optimizer);
}

}  // namespace rockmate::reference
