// What belongs to one mean of a normalisation is a *set*: stretches of neighbours ("runs"), each
// with one scale and bias, or, for layer norm, one stretch with a scale and bias per element.
#pragma once

#include <algorithm>
#include <cstdint>

#include "exec/parallel.h"
#include "exec/reference/kernel.h"

namespace rockmate::reference {

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

}  // namespace rockmate::reference
