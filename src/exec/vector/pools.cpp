#include "exec/vector/grid.h"

namespace rockmate::vector {
namespace {

ve::PoolArguments pool_arguments(const KernelView& kernel, const Shape& image,
                                 const Shape& result) {
  ve::PoolArguments a = {};
  a.wide = is_wide(kernel, kernel.dtype());
  a.counts_padding = kernel.attributes.flag("count_include_pad");
  a.grid = forward_grid(kernel, kernel.attributes.integers("kernel"), image, result);
  a.planes = extent(image, 0, 2);
  const auto& pads = kernel.attributes.integers("pads");
  const auto rank = static_cast<std::size_t>(a.grid.rank);
  for (std::size_t d = 0; d < rank; ++d) {
    a.pads_before[d] = pads[d];
    a.pads_behind[d] = pads[d + rank];
  }
  return a;
}

Prepared make_pool(const KernelView& kernel) {
  ve::PoolArguments a = pool_arguments(kernel, kernel.shape(), kernel.out_shape());
  const bool is_max = kernel.kind == OpKind::kMaxPool;
  if (is_max) a.byte_indices = kernel.outputs[1].dtype == DType::kUInt8;
  return {[a, is_max](const Call& call) mutable {
    a.x = call.in();
    a.y = call.out(0);
    const long tasks = ceil_div(a.planes * a.grid.positions, ve::kPoolStretch);
    if (is_max) {
      a.index_out = call.out(1);
      ROCKMATE_LAUNCH(call, ve_max_pool, a, tasks);
    } else {
      ROCKMATE_LAUNCH(call, ve_average_pool, a, tasks);
    }
  }};
}

Prepared make_gradient(const KernelView& kernel) {
  ve::PoolArguments a = pool_arguments(kernel, kernel.out_shape(), kernel.shape());
  const bool is_max = kernel.kind == OpKind::kMaxPoolGradient;
  if (is_max) a.byte_indices = kernel.dtype(1) == DType::kUInt8;
  return {[a, is_max](const Call& call) mutable {
    a.x = call.in(0);
    a.y = call.out();
    const long tasks = ceil_div(a.planes * a.grid.pixels, ve::kPoolStretch);
    if (is_max) {
      a.indices = call.in(1);
      ROCKMATE_LAUNCH(call, ve_max_pool_gradient, a, tasks);
    } else {
      ROCKMATE_LAUNCH(call, ve_average_pool_gradient, a, tasks);
    }
  }};
}

}  // namespace

void add_pooling_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kMaxPool, kAveragePool}, make_pool);
  add(makers, {kMaxPoolGradient, kAveragePoolGradient}, make_gradient);
}

}  // namespace rockmate::vector
