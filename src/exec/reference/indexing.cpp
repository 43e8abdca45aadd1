// Gather and its gradient: the table is `outer` times `rows` rows of `width` elements.

#include <fmt/format.h>

#include <algorithm>

#include "exec/parallel.h"
#include "exec/reference/kernel.h"
#include "rockmate/error.h"

namespace rockmate::reference {
namespace {

struct GatherPlan {
  GatherPlan(const KernelView& kernel, const Shape& table)
      : op(kernel.op), dtype(kernel.dtype(1)), picks(element_count(kernel.shape(1))) {
    const auto axis = static_cast<std::size_t>(kernel.attributes.integer("axis"));
    outer = extent(table, 0, axis);
    rows = table[axis];
    width = extent(table, axis + 1, table.size());
  }
  // Throws InvalidInput where the table has no such row.
  [[nodiscard]] Indices read(const Run& run) const {
    const Indices indices(run, 1, dtype);
    for (std::int64_t i = 0; i < picks; ++i) {
      if (indices[i] >= 0 && indices[i] < rows) continue;
      throw InvalidInput(fmt::format("op '{}': index {} is {}, expected 0 <= index < {}", op, i,
                                     indices[i], rows));
    }
    return indices;
  }

  std::string op;
  DType dtype;
  std::int64_t picks, outer, rows, width;
};

Body make_gather(const KernelView& kernel) {
  return for_elements(kernel, kernel.dtype(), [&](auto t) -> Body {
    using T = decltype(t);
    return [plan = GatherPlan(kernel, kernel.shape())](const Run& run) {
      const Indices indices = plan.read(run);
      const T* table = run.in<T>();
      T* y = run.out<T>();
      parallel_for(
          run.threads(), plan.outer * plan.picks, kGrain / std::max<std::int64_t>(1, plan.width),
          [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
              const std::int64_t row = i / plan.picks * plan.rows + indices[i % plan.picks];
              std::copy_n(table + row * plan.width, plan.width, y + i * plan.width);
            }
          });
    };
  });
}

// dtable = zeros or the addend, plus dy's rows in the order of the indices. A thread has some
// columns of the table to itself.
Body make_gather_gradient(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(), [&](auto t) -> Body {
    using T = decltype(t);
    return [plan = GatherPlan(kernel, kernel.out_shape())](const Run& run) {
      const Indices indices = plan.read(run);
      const T* dy = run.in<T>();
      const T* addend = run.addend<T>();
      T* table = run.out<T>();
      const std::int64_t size = plan.outer * plan.rows * plan.width;
      parallel_for(run.threads(), size, kGrain, [&](std::int64_t begin, std::int64_t end) {
        if (addend == nullptr) std::fill(table + begin, table + end, T(0));
        if (addend != nullptr && addend != table) {
          std::copy(addend + begin, addend + end, table + begin);
        }
      });
      for (std::int64_t o = 0; o < plan.outer; ++o) {
        parallel_for(run.threads(), plan.width, kGrain / std::max<std::int64_t>(1, plan.picks),
                     [&](std::int64_t begin, std::int64_t end) {
                       for (std::int64_t i = 0; i < plan.picks; ++i) {
                         const T* from = dy + (o * plan.picks + i) * plan.width;
                         T* to = table + (o * plan.rows + indices[i]) * plan.width;
                         for (std::int64_t c = begin; c < end; ++c) to[c] += from[c];
                       }
                     });
      }
    };
  });
}

}  // namespace

void add_indexing_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kGather}, make_gather);
  add(makers, {kGatherGradient}, make_gather_gradient);
}

}  // namespace rockmate::reference
