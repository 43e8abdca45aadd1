#include "exec/reference/norm_plan.h"

namespace rockmate::reference {

NormPlan::NormPlan(const KernelView& kernel, const Shape& x)
    : epsilon(kernel.attributes.real("epsilon")) {
  const std::size_t rank = x.size();
  switch (kernel.kind) {
    case OpKind::kBatchNorm:
    case OpKind::kBatchNormStatistics:
    case OpKind::kBatchNormApply:
    case OpKind::kBatchNormGradient:
      sets = period = x[1];
      runs = x[0];
      length = set_stride = extent(x, 2, rank);
      run_stride = sets * length;
      affine_set = 1;
      break;
    case OpKind::kLayerNorm:
    case OpKind::kLayerNormGradient: {
      const auto axis = static_cast<std::size_t>(kernel.attributes.integer("axis"));
      sets = extent(x, 0, axis);
      length = set_stride = extent(x, axis, rank);
      per_element = true;
      break;
    }
    default:  // group norm
      period = kernel.attributes.integer("groups");
      sets = x[0] * period;
      runs = x[1] / period;
      length = run_stride = extent(x, 2, rank);
      set_stride = runs * length;
      affine_set = runs;
      affine_run = 1;
  }
}

}  // namespace rockmate::reference
