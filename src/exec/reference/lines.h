// The lines of a tensor along attribute "axis": what a softmax or a cross-entropy works on.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "exec/parallel.h"
#include "exec/reference/kernel.h"

namespace rockmate::reference {

struct Lines {
  Lines(const KernelView& kernel, const Shape& x) {
    const auto axis = static_cast<std::size_t>(kernel.attributes.integer("axis"));
    length = x[axis];
    stride = extent(x, axis + 1, x.size());
    count = extent(x, 0, axis) * stride;
  }
  [[nodiscard]] std::int64_t start(std::int64_t line) const {
    return line / stride * stride * length + line % stride;
  }
  /// body(offset of the line's first element)
  template <class F>
  void for_each(int threads, const F& body) const {
    parallel_for(threads, count, kGrain / std::max<std::int64_t>(1, length),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t line = begin; line < end; ++line) body(start(line));
                 });
  }
  /// f(offset from the first element) for all elements of a line
  template <class F>
  void visit(const F& f) const {
    for (std::int64_t i = 0; i < length; ++i) f(i * stride);
  }

  std::int64_t length, stride, count;
};

/// The sum of exp(x - largest) along a line, and its logarithm.
template <class T>
struct LogSum {
  T largest;
  double sum, log;
};

template <class T>
LogSum<T> log_sum(const Lines& lines, const T* x) {
  T largest = -std::numeric_limits<T>::infinity();
  lines.visit([&](std::int64_t at) { largest = std::max(largest, x[at]); });
  double sum = 0;
  lines.visit([&](std::int64_t at) { sum += std::exp(x[at] - largest); });
  return {largest, sum, std::log(sum)};
}

}  // namespace rockmate::reference
