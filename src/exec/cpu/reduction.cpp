// Sums and means of rows over some axes: of spans, or of columns of numbers side by side.

#include <algorithm>

#include "exec/cpu/channel_rows.h"
#include "exec/cpu/families.h"
#include "exec/reference/reduction_plan.h"
#include "rockmate/training_model.h"

namespace rockmate::cpu {
namespace {

using reference::ReductionPlan;

// Columns of `height` rows are summed in parts that do not depend on the number of threads.
struct Columns {
  explicit Columns(const ReductionPlan& reduction) : plan(reduction) {
    constexpr std::int64_t kMostParts = 32;
    constexpr std::int64_t kLeastElements = 32768;
    const std::int64_t most =
        std::max<std::int64_t>(1, kMostParts / std::max<std::int64_t>(1, plan.outer));
    parts = std::clamp<std::int64_t>(plan.repeats * plan.inner / kLeastElements, 1, most);
    stride = plan.reduced.empty() ? 0 : plan.reduced[0].stride;
  }
  [[nodiscard]] std::int64_t first(std::int64_t part) const { return plan.repeats * part / parts; }

  void run(const float* x, float* y, double share, int threads, double* sums) const {
    const std::int64_t work = std::max<std::int64_t>(1, plan.repeats * plan.inner / parts);
    parallel_for(threads, plan.outer * parts, kGrain / work,
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t unit = begin; unit < end; ++unit) {
                     const std::int64_t part = unit % parts;
                     const float* origin = x + ReductionPlan::start(plan.kept, unit / parts);
                     column_sums(origin + first(part) * stride, first(part + 1) - first(part),
                                 plan.inner, stride, sums + unit * plan.inner);
                   }
                 });
    for (std::int64_t o = 0; o < plan.outer; ++o) {
      for (std::int64_t c = 0; c < plan.inner; ++c) {
        double sum = 0;
        for (std::int64_t p = 0; p < parts; ++p) sum += sums[(o * parts + p) * plan.inner + c];
        y[o * plan.inner + c] = static_cast<float>(sum * share);
      }
    }
  }

  ReductionPlan plan;
  std::int64_t parts, stride;
};

void sum_spans(const ReductionPlan& plan, const float* x, float* y, double share, int threads) {
  const std::int64_t work = std::max<std::int64_t>(1, plan.repeats * plan.inner);
  parallel_for(threads, plan.outer, kGrain / work, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; ++o) {
      const std::int64_t origin = ReductionPlan::start(plan.kept, o);
      double sum = 0;
      for (std::int64_t r = 0; r < plan.repeats; ++r) {
        sum += span_sum(x + origin + ReductionPlan::start(plan.reduced, r), plan.inner);
      }
      y[o] = static_cast<float>(sum * share);
    }
  });
}

std::optional<Prepared> make_sum(const KernelView& kernel, int) {
  const bool is_rows = is_float32(kernel) && has_one_format(kernel) &&
                       kernel.inputs[0].format == MemoryFormat::kRowMajor;
  if (!is_rows || element_count(kernel.shape()) == 0) return std::nullopt;
  const ReductionPlan plan(kernel.shape(), kernel.attributes.integers("axes"));
  const double share = kernel.kind == OpKind::kReduceMean
                           ? static_cast<double>(element_count(kernel.out_shape())) /
                                 static_cast<double>(element_count(kernel.shape()))
                           : 1;
  if (plan.inner_is_reduced) {
    // One long span would keep all but one thread idle.
    if (plan.outer == 1 && plan.repeats * plan.inner > kGrain) return std::nullopt;
    return Prepared{[plan, share](const Run& run) {
      sum_spans(plan, run.in<float>(), run.out<float>(), share, run.threads());
    }};
  }
  if (plan.reduced.size() > 1) return std::nullopt;
  const Columns columns(plan);
  return Prepared{[columns, share](const Run& run) {
                    columns.run(run.in<float>(), run.out<float>(), share, run.threads(),
                                reinterpret_cast<double*>(run.workspace().data()));
                  },
                  aligned(Bytes(plan.outer * columns.parts * plan.inner * 8))};
}

}  // namespace

void add_reduction_kernels(Makers& makers) {
  add(makers, {OpKind::kReduceSum, OpKind::kReduceMean}, make_sum);
}

}  // namespace rockmate::cpu
