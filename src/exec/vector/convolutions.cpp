#include "exec/vector/fused.h"
#include "exec/vector/grid.h"

namespace rockmate::vector {
namespace {

Shape spatial(const Shape& shape) { return {shape.begin() + 2, shape.end()}; }

Prepared make_conv(const KernelView& kernel) {
  return convolution(kernel, {0, 1, kernel.inputs.size() > 2 ? std::optional(2UL) : std::nullopt});
}

// (x, dy) -> dw
Prepared make_weight_gradient(const KernelView& kernel) {
  const Shape& x = kernel.shape(0);
  const Shape& dy = kernel.shape(1);
  ve::WeightGradientArguments a = {};
  a.wide = is_wide(kernel, kernel.dtype());
  a.batch = x[0];
  a.groups = kernel.attributes.integer("groups", 1);
  a.in = x[1] / a.groups;
  a.out = dy[1] / a.groups;
  a.grid = forward_grid(kernel, kernel.attributes.integers("kernel"), x, dy);
  cut_into_chunks(a.grid, a.batch);
  const long rows_per_register = a.wide ? 1 : 2;
  const bool is_small = a.in == 1 && a.out <= rows_per_register;
  a.rows = is_small ? 1 : 4;
  a.columns = is_small ? 1 : 4;
  const long tasks = a.groups * ceil_div(a.out, a.rows * rows_per_register) * tap_count(a.grid) *
                     ceil_div(a.in, a.columns);
  return {[a, tasks](const Call& call) mutable {
    a.x = call.in(0);
    a.dy = call.in(1);
    a.dw = call.out();
    ROCKMATE_LAUNCH(call, ve_conv_weight_gradient, a, tasks);
  }};
}

}  // namespace

// Both directions; the weight is [out, in / groups, ...] or [in, out / groups, ...].
Prepared convolution(const KernelView& kernel, const WeightedPlaces& places, const Clamp& clamp) {
  const Shape& x = kernel.shape();
  const Shape& y = kernel.out_shape();
  const Shape window = spatial(kernel.shape(1));
  const bool transposed = kernel.kind == OpKind::kConvTranspose;
  const long size = element_count(window);
  ve::ConvArguments a = {};
  a.wide = is_wide(kernel, kernel.dtype());
  a.batch = x[0];
  a.groups = kernel.attributes.integer("groups", 1);
  a.in = x[1] / a.groups;
  a.out = y[1] / a.groups;
  a.weight_group = a.in * a.out * size;
  a.weight_out = transposed ? size : a.in * size;
  a.weight_in = transposed ? a.out * size : size;
  const long rows_per_register = a.wide ? 1 : 2;
  const long registers = ceil_div(a.out, rows_per_register);
  a.epilogue = clamp.epilogue;
  a.low = clamp.low;
  a.high = clamp.high;
  a.block = registers > 4 ? 16 : registers > 1 ? 4 : 1;
  std::vector<ve::ConvArguments> grids;
  for (ve::Grid grid : transposed ? transposed_grids(kernel, window, x, y)
                                  : std::vector{forward_grid(kernel, window, x, y)}) {
    cut_into_chunks(grid, a.batch);
    grids.push_back(a);
    grids.back().grid = grid;
  }
  return {[grids = std::move(grids), places, rows_per_register](const Call& call) {
    for (ve::ConvArguments now : grids) {
      now.x = call.in(places.x);
      now.weight = call.in(places.weight);
      now.bias = places.bias ? call.in(*places.bias) : nullptr;
      now.y = call.out();
      const long blocks = ceil_div(now.out, now.block * rows_per_register);
      ROCKMATE_LAUNCH(call, ve_conv, now, now.groups * blocks * chunk_count(now.grid, now.batch));
    }
  }};
}

void add_convolution_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kConv, kConvTranspose}, make_conv);
  add(makers, {kConvWeightGradient}, make_weight_gradient);
}

}  // namespace rockmate::vector
