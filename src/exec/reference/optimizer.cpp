// Optimizers: (parameter, gradient, states...), the parameter and the states updated.

#include <cmath>

#include "exec/parallel.h"
#include "exec/reference/kernel.h"

namespace rockmate::reference {
namespace {

template <class T>
Body sgd(const KernelView& kernel) {
  const T rate = static_cast<T>(kernel.attributes.real("learning_rate"));
  const T decay = static_cast<T>(kernel.attributes.real("weight_decay"));
  return [=, count = element_count(kernel.shape())](const Run& run) {
    T* w = run.updated<T>(0);
    const T* gradient = run.in<T>(1);
    parallel_for(run.threads(), count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) w[i] -= rate * (gradient[i] + decay * w[i]);
    });
  };
}

template <class T>
Body momentum(const KernelView& kernel) {
  const T rate = static_cast<T>(kernel.attributes.real("learning_rate"));
  const T decay = static_cast<T>(kernel.attributes.real("weight_decay"));
  const T factor = static_cast<T>(kernel.attributes.real("momentum"));
  return [=, count = element_count(kernel.shape())](const Run& run) {
    T* w = run.updated<T>(0);
    const T* gradient = run.in<T>(1);
    T* velocity = run.updated<T>(2);
    parallel_for(run.threads(), count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        velocity[i] = factor * velocity[i] + (gradient[i] + decay * w[i]);
        w[i] -= rate * velocity[i];
      }
    });
  };
}

// The bias corrections are those of the step that ends with this run.
template <class T>
Body adam(const KernelView& kernel) {
  const auto real = [&](const char* name) { return kernel.attributes.real(name); };
  const double beta1 = real("beta1");
  const double beta2 = real("beta2");
  const double rate = real("learning_rate");
  const double decay = real("weight_decay");
  const bool decoupled = kernel.attributes.flag("decoupled");
  const T coupled_decay = static_cast<T>(decoupled ? 0 : decay);
  const T shrink = static_cast<T>(decoupled ? rate * decay : 0);
  const T epsilon = static_cast<T>(real("epsilon"));
  return [=, count = element_count(kernel.shape())](const Run& run) {
    const double steps = static_cast<double>(run.step()) + 1;
    const T step_size = static_cast<T>(rate / (1 - std::pow(beta1, steps)));
    const T correction = static_cast<T>(1 / (1 - std::pow(beta2, steps)));
    const T b1 = static_cast<T>(beta1);
    const T b2 = static_cast<T>(beta2);
    const T rest1 = static_cast<T>(1 - beta1);
    const T rest2 = static_cast<T>(1 - beta2);
    T* w = run.updated<T>(0);
    const T* gradient = run.in<T>(1);
    T* m = run.updated<T>(2);
    T* v = run.updated<T>(3);
    parallel_for(run.threads(), count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const T g = gradient[i] + coupled_decay * w[i];
        m[i] = b1 * m[i] + rest1 * g;
        v[i] = b2 * v[i] + rest2 * g * g;
        w[i] -= shrink * w[i];
        w[i] -= step_size * m[i] / (std::sqrt(v[i] * correction) + epsilon);
      }
    });
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
      default:
        return adam<T>(kernel);
    }
  });
}

}  // namespace

void add_optimizer_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kSgd, kMomentum, kAdam}, make_optimizer);
}

}  // namespace rockmate::reference
