// Functions of one element, or of a gradient and what was saved for it.
#pragma once

#include <cstdint>

#include "exec/parallel.h"
#include "exec/reference/kernel.h"

namespace rockmate::reference {

/// y = f(x)
template <class T, class F>
Body map(const KernelView& kernel, F f) {
  return [count = element_count(kernel.out_shape()), f](const Run& run) {
    const T* x = run.in<T>();
    T* y = run.out<T>();
    parallel_for(run.threads(), count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) y[i] = f(x[i]);
    });
  };
}

/// dx = f(dy, saved)
template <class T, class F>
Body map_gradient(const KernelView& kernel, F f) {
  return [count = element_count(kernel.out_shape()), f](const Run& run) {
    const T* dy = run.in<T>(0);
    const T* saved = run.in<T>(1);
    T* dx = run.out<T>();
    parallel_for(run.threads(), count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) dx[i] = f(dy[i], saved[i]);
    });
  };
}

}  // namespace rockmate::reference
