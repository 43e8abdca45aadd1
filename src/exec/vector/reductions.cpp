#include "exec/reference/reduction_plan.h"
#include "exec/vector/kernel.h"

namespace rockmate::vector {
namespace {

void put_levels(const KernelView& kernel, const std::vector<reference::Level>& levels,
                long* extents, long* strides, int& rank) {
  if (levels.size() > ve::kMostAxes) {
    kernel.reject("more axes than the vector engine's kernels take");
  }
  rank = static_cast<int>(levels.size());
  for (std::size_t i = 0; i < levels.size(); ++i) {
    extents[i] = levels[i].extent;
    strides[i] = levels[i].stride;
  }
}

ve::ReduceArguments arguments_of(const KernelView& kernel, const Shape& x) {
  const reference::ReductionPlan plan(x, kernel.attributes.integers("axes"));
  ve::ReduceArguments a = {};
  a.wide = is_wide(kernel, kernel.dtype());
  put_levels(kernel, plan.kept, a.kept, a.kept_strides, a.kept_rank);
  put_levels(kernel, plan.reduced, a.reduced, a.reduced_strides, a.reduced_rank);
  a.inner_is_reduced = plan.inner_is_reduced;
  a.outer = plan.outer;
  a.repeats = plan.repeats;
  a.inner = plan.inner;
  return a;
}

long task_count(const ve::ReduceArguments& a) {
  return a.outer * (a.inner_is_reduced ? 1 : ceil_div(a.inner, kVectorLength));
}

Prepared make_reduction(const KernelView& kernel) {
  ve::ReduceArguments a = arguments_of(kernel, kernel.shape());
  a.function = ve::Reduction::kSum;
  if (kernel.kind == OpKind::kReduceMax) a.function = ve::Reduction::kMaximum;
  if (kernel.kind == OpKind::kReduceMin) a.function = ve::Reduction::kMinimum;
  a.share = kernel.kind == OpKind::kReduceMean
                ? static_cast<double>(element_count(kernel.out_shape())) /
                      static_cast<double>(element_count(kernel.shape()))
                : 1;
  return {[a](const Call& call) mutable {
    a.x = call.in();
    a.y = call.out();
    ROCKMATE_LAUNCH(call, ve_reduce, a, task_count(a));
  }};
}

// (dy, x, y) -> dx
Prepared make_extremum_gradient(const KernelView& kernel) {
  return {[a = arguments_of(kernel, kernel.shape(1))](const Call& call) mutable {
    a.dy = call.in(0);
    a.x = call.in(1);
    a.extremum = call.in(2);
    a.y = call.out();
    ROCKMATE_LAUNCH(call, ve_extremum_gradient, a, task_count(a));
  }};
}

}  // namespace

void add_reduction_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kReduceSum, kReduceMean, kReduceMax, kReduceMin}, make_reduction);
  add(makers, {kReduceExtremumGradient}, make_extremum_gradient);
}

}  // namespace rockmate::vector
