// How a tensor is reduced over some of its axes. Neighbouring axes that are reduced, or kept,
// become one; the innermost of them is the inner block of all loops.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "exec/reference/kernel.h"
#include "rockmate/graph.h"

namespace rockmate::reference {

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

/// Results that are summed side by side where the inner block is kept.
inline constexpr std::int64_t kReductionBlock = 64;

/// Calls finish(result, sum) for each element of the result; f(x's offset) is what is summed.
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
  const std::int64_t blocks = (plan.inner + kReductionBlock - 1) / kReductionBlock;
  const std::int64_t work = std::max<std::int64_t>(1, plan.repeats * kReductionBlock);
  parallel_for(threads, plan.outer * blocks, kGrain / work,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t b = begin; b < end; ++b) {
                   const std::int64_t first = b % blocks * kReductionBlock;
                   const std::int64_t n = std::min(kReductionBlock, plan.inner - first);
                   const std::int64_t origin = ReductionPlan::start(plan.kept, b / blocks) + first;
                   const std::int64_t result = b / blocks * plan.inner + first;
                   std::array<double, kReductionBlock> sums = {};
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

/// Calls body(result, members) for each element of the result; members(f) calls f(x's offset) for
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

}  // namespace rockmate::reference
