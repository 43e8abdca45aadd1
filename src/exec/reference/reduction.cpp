// Sums, means and extrema over axes. The axes of the result are taken apart into an inner block, in
// which neighbours of the result are neighbours of the input, and the rest; so are those that are
// reduced. Sums are in double precision.

#include <algorithm>
#include <functional>
#include <limits>
#include <optional>

#include "exec/reference/kernel.h"
#include "exec/reference/strided.h"

namespace rockmate::reference {
namespace {

// Merged axes of the input, outermost first: reduced or kept, in turn.
struct Level {
  std::int64_t extent, stride;
};
struct ReductionPlan {
  ReductionPlan(const Shape& x, const std::vector<std::int64_t>& axes);
  // Where element i of the space of some levels begins.
  [[nodiscard]] static std::int64_t start(const std::vector<Level>& levels, std::int64_t i) {
    std::int64_t at = 0;
    for (auto level = levels.rbegin(); level != levels.rend(); ++level) {
      at += i % level->extent * level->stride;
      i /= level->extent;
    }
    return at;
  }

  std::vector<Level> kept, reduced;  // without the innermost block
  std::int64_t outer = 1;            // elements of `kept`
  std::int64_t repeats = 1;          // elements of `reduced`
  std::int64_t inner = 1;            // of the innermost block
  bool inner_is_reduced = false;
};

ReductionPlan::ReductionPlan(const Shape& x, const std::vector<std::int64_t>& axes) {
  const Strides strides = row_major(x);
  std::optional<bool> last;
  for (std::size_t a = 0; a < x.size(); ++a) {
    if (x[a] == 1) continue;
    const bool is_reduced =
        std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(a)) != axes.end();
    std::vector<Level>& levels = is_reduced ? reduced : kept;
    if (last == is_reduced) {
      levels.back() = {levels.back().extent * x[a], strides[a]};
    } else {
      levels.push_back({x[a], strides[a]});
    }
    last = is_reduced;
  }
  inner_is_reduced = last.value_or(false);
  std::vector<Level>& innermost = inner_is_reduced ? reduced : kept;
  if (!innermost.empty()) {
    inner = innermost.back().extent;
    innermost.pop_back();
  }
  for (const Level& level : kept) outer *= level.extent;
  for (const Level& level : reduced) repeats *= level.extent;
}

constexpr std::int64_t kBlock = 64;

// Calls finish(result, sum) for each element of the result; f(x's offset) is what is summed.
template <class F, class G>
void for_each_sum(int threads, const ReductionPlan& plan, const F& f, const G& finish) {
  if (plan.inner_is_reduced) {
    const std::int64_t work = std::max<std::int64_t>(1, plan.repeats * plan.inner);
    parallel_for(threads, plan.outer, kGrain / work, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t o = begin; o < end; ++o) {
        const std::int64_t origin = ReductionPlan::start(plan.kept, o);
        double sum = 0;
        for (std::int64_t r = 0; r < plan.repeats; ++r) {
          const std::int64_t line = origin + ReductionPlan::start(plan.reduced, r);
          sum += lane_sum(plan.inner, [&](std::int64_t i) { return f(line + i); });
        }
        finish(o, sum);
      }
    });
    return;
  }
  const std::int64_t blocks = (plan.inner + kBlock - 1) / kBlock;
  const std::int64_t work = std::max<std::int64_t>(1, plan.repeats * kBlock);
  parallel_for(threads, plan.outer * blocks, kGrain / work,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t b = begin; b < end; ++b) {
                   const std::int64_t first = b % blocks * kBlock;
                   const std::int64_t n = std::min(kBlock, plan.inner - first);
                   const std::int64_t origin = ReductionPlan::start(plan.kept, b / blocks) + first;
                   const std::int64_t result = b / blocks * plan.inner + first;
                   std::array<double, kBlock> sums = {};
                   for (std::int64_t r = 0; r < plan.repeats; ++r) {
                     const std::int64_t line = origin + ReductionPlan::start(plan.reduced, r);
                     for (std::int64_t i = 0; i < n; ++i) {
                       sums[static_cast<std::size_t>(i)] += f(line + i);
                     }
                   }
                   for (std::int64_t i = 0; i < n; ++i)
                     finish(result + i, sums[static_cast<std::size_t>(i)]);
                 }
               });
}

// Calls body(result, members) for each element of the result; members(f) calls f(x's offset) for
// all that are reduced to it.
template <class F>
void for_each_group(int threads, const ReductionPlan& plan, const F& body) {
  const std::int64_t columns = plan.inner_is_reduced ? 1 : plan.inner;
  const std::int64_t length = plan.inner_is_reduced ? plan.inner : 1;
  const std::int64_t work = std::max<std::int64_t>(1, plan.repeats * length);
  const auto visit = [&](std::int64_t o) {
    const std::int64_t origin = ReductionPlan::start(plan.kept, o / columns) + o % columns;
    body(o, [&](const auto& f) {
      for (std::int64_t r = 0; r < plan.repeats; ++r) {
        const std::int64_t line = origin + ReductionPlan::start(plan.reduced, r);
        for (std::int64_t i = 0; i < length; ++i) f(line + i);
      }
    });
  };
  parallel_for(threads, plan.outer * columns, kGrain / work,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t o = begin; o < end; ++o) visit(o);
               });
}

Body make_sum(const KernelView& kernel) {
  const ReductionPlan plan(kernel.shape(), kernel.attributes.integers("axes"));
  const auto elements = static_cast<double>(element_count(kernel.shape()));
  const auto results = static_cast<double>(element_count(kernel.out_shape()));
  const double share = kernel.kind == OpKind::kReduceMean ? results / elements : 1;
  return for_floating(kernel, kernel.dtype(), [&](auto t) -> Body {
    using T = decltype(t);
    return [plan, share](const Run& run) {
      const T* x = run.in<T>();
      T* y = run.out<T>();
      for_each_sum(
          run.threads(), plan, [&](std::int64_t at) { return static_cast<double>(x[at]); },
          [&](std::int64_t o, double sum) { y[o] = static_cast<T>(sum * share); });
    };
  });
}

template <class T, class Better>
Body extremum(const KernelView& kernel, T worst, Better better) {
  const ReductionPlan plan(kernel.shape(), kernel.attributes.integers("axes"));
  return [=](const Run& run) {
    const T* x = run.in<T>();
    T* y = run.out<T>();
    for_each_group(run.threads(), plan, [&](std::int64_t o, const auto& members) {
      T best = worst;
      members([&](std::int64_t at) { best = better(x[at], best) ? x[at] : best; });
      y[o] = best;
    });
  };
}

Body make_extremum(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(), [&](auto t) {
    using T = decltype(t);
    constexpr T kInfinity = std::numeric_limits<T>::infinity();
    return kernel.kind == OpKind::kReduceMax ? extremum<T>(kernel, -kInfinity, std::greater<T>())
                                             : extremum<T>(kernel, kInfinity, std::less<T>());
  });
}

// (dy, x, y) -> dx, shared evenly among the elements that equal the extremum.
Body make_extremum_gradient(const KernelView& kernel) {
  const ReductionPlan plan(kernel.shape(1), kernel.attributes.integers("axes"));
  return for_floating(kernel, kernel.dtype(), [&](auto t) -> Body {
    using T = decltype(t);
    return [plan](const Run& run) {
      const T* dy = run.in<T>(0);
      const T* x = run.in<T>(1);
      const T* y = run.in<T>(2);
      T* dx = run.out<T>();
      for_each_group(run.threads(), plan, [&](std::int64_t o, const auto& members) {
        std::int64_t equals = 0;
        members([&](std::int64_t at) { equals += x[at] == y[o] ? 1 : 0; });
        const T share = equals == 0 ? T(0) : dy[o] / static_cast<T>(equals);
        members([&](std::int64_t at) { dx[at] = x[at] == y[o] ? share : T(0); });
      });
    };
  });
}

}  // namespace

void add_reduction_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kReduceSum, kReduceMean}, make_sum);
  add(makers, {kReduceMax, kReduceMin}, make_extremum);
  add(makers, {kReduceExtremumGradient}, make_extremum_gradient);
}

}  // namespace rockmate::reference
