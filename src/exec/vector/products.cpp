// Matrix products: linear, its weight gradient, matmul. The form is chosen by how the operands lie
// (kernels/product.cpp): the result may be seen transposed, so that its columns are neighbours in
// whichever operand has such.

#include <algorithm>
#include <utility>

#include "exec/vector/fused.h"
#include "exec/vector/space.h"

namespace rockmate::vector {
namespace {

struct Choice {
  ve::ProductArguments arguments;
  bool swapped;  // operand 0 is b
  bool is_dot;
};

int block_of(long rows, int rows_per_register) {
  const long registers = ceil_div(rows, rows_per_register);
  const long blocks = std::max<long>(1, ceil_div(registers, 16));
  int block = 1;
  while (block < ceil_div(registers, blocks)) block *= 2;
  return block;
}

void transpose(ve::ProductArguments& a) {
  std::swap(a.rows, a.columns);
  std::swap(a.a_row, a.b_column);
  std::swap(a.a_inner, a.b_inner);
  std::swap(a.c_row, a.c_column);
  std::swap(a.bias_row, a.bias_column);
  std::swap(a.a_strides, a.b_strides);
}

Choice choose_form(ve::ProductArguments a) {
  Choice choice{a, false, false};
  const auto flip = [&] {
    transpose(choice.arguments);
    choice.swapped = !choice.swapped;
  };
  const bool rows_are_neighbours = a.a_row == 1 || a.rows == 1;
  const bool columns_are_neighbours = a.b_column == 1 || a.columns == 1;
  constexpr long kShort = 64;  // of 256 lanes
  if (columns_are_neighbours && rows_are_neighbours) {
    if (a.rows > a.columns && a.columns < kShort) flip();
  } else if (rows_are_neighbours && !columns_are_neighbours) {
    flip();
  } else if (!columns_are_neighbours && a.inner >= kShort) {
    choice.is_dot = true;
    if (a.rows < a.columns) flip();  // pairs along the longer side
  } else if (!columns_are_neighbours && a.rows > a.columns) {
    flip();
  }
  const int rows_per_register = a.wide ? 1 : 2;
  choice.arguments.block = block_of(choice.arguments.rows, rows_per_register);
  return choice;
}

long products_of(const ve::ProductArguments& a) {
  long products = 1;
  for (int axis = 0; axis < a.rank; ++axis) products *= a.extents[axis];
  return products;
}

Prepared make_product(const ve::ProductArguments& arguments, const WeightedPlaces& places) {
  return {[choice = choose_form(arguments), places](const Call& call) mutable {
    ve::ProductArguments& a = choice.arguments;
    a.a = call.in(choice.swapped ? places.weight : places.x);
    a.b = call.in(choice.swapped ? places.x : places.weight);
    a.bias = places.bias ? call.in(*places.bias) : nullptr;
    a.addend = call.addend();
    a.c = call.out();
    const long products = products_of(a);
    const long rows_per_register = a.wide ? 1 : 2;
    if (choice.is_dot) {
      const long blocks = ceil_div(a.rows, ve::kDotRegisters * rows_per_register);
      ROCKMATE_LAUNCH(call, ve_dot, a, products * blocks * ceil_div(a.columns, ve::kDotColumns));
    } else {
      const long blocks = ceil_div(a.rows, a.block * rows_per_register);
      ROCKMATE_LAUNCH(call, ve_outer, a, products * blocks * ceil_div(a.columns, kVectorLength));
    }
  }};
}

Prepared make_linear(const KernelView& kernel) {
  return linear(kernel, {0, 1, kernel.inputs.size() > 2 ? std::optional(2UL) : std::nullopt});
}

// dw = x^T dy, or dy^T x where the weight is [out, in].
Prepared make_weight_gradient(const KernelView& kernel) {
  const Shape& x = kernel.shape();
  ve::ProductArguments a = {};
  a.wide = is_wide(kernel, kernel.dtype());
  a.rows = x.back();
  a.inner = extent(x, 0, x.size() - 1);
  a.columns = kernel.shape(1).back();
  a.a_row = 1;
  a.a_inner = a.rows;
  a.b_inner = a.columns;
  a.b_column = 1;
  const bool transposed = kernel.attributes.flag("transpose_weight");
  a.c_row = transposed ? 1 : a.columns;
  a.c_column = transposed ? a.rows : 1;
  return make_product(a, {0, 1});
}

Prepared make_matmul(const KernelView& kernel) {
  const Shape& a_shape = kernel.shape(0);
  const Shape& b_shape = kernel.shape(1);
  const Shape& y = kernel.out_shape();
  const bool ta = kernel.attributes.flag("transpose_a");
  const bool tb = kernel.attributes.flag("transpose_b");
  ve::ProductArguments a = {};
  a.wide = is_wide(kernel, kernel.dtype());
  a.rows = y[y.size() - 2];
  a.columns = y.back();
  a.inner = a_shape[a_shape.size() - (ta ? 2 : 1)];
  a.a_row = ta ? 1 : a.inner;
  a.a_inner = ta ? a.rows : 1;
  a.b_inner = tb ? 1 : a.columns;
  a.b_column = tb ? a.inner : 1;
  a.c_row = a.columns;
  a.c_column = 1;
  a.c_product = a.rows * a.columns;
  const Shape batch(y.begin(), y.end() - 2);
  if (batch.size() > ve::kMostAxes) {
    kernel.reject("more axes than the vector engine's kernels take");
  }
  const auto starts = [&](const Shape& operand, long matrix, long* strides) {
    const Strides own =
        reference::broadcast_strides(Shape(operand.begin(), operand.end() - 2), batch);
    for (std::size_t d = 0; d < own.size(); ++d) strides[d] = own[d] * matrix;
  };
  a.rank = static_cast<int>(batch.size());
  std::copy(batch.begin(), batch.end(), a.extents);
  starts(a_shape, a.rows * a.inner, a.a_strides);
  starts(b_shape, a.inner * a.columns, a.b_strides);
  return make_product(a, {0, 1});
}

}  // namespace

Prepared linear(const KernelView& kernel, const WeightedPlaces& places, const Clamp& clamp) {
  const Shape& x = kernel.shape();
  const Shape& y = kernel.out_shape();
  ve::ProductArguments a = {};
  a.wide = is_wide(kernel, kernel.dtype());
  a.rows = extent(x, 0, x.size() - 1);
  a.inner = x.back();
  a.columns = y.back();
  a.a_row = a.inner;
  a.a_inner = 1;
  const bool transposed = kernel.attributes.flag("transpose_weight");
  a.b_inner = transposed ? 1 : a.columns;
  a.b_column = transposed ? a.inner : 1;
  a.c_row = a.columns;
  a.c_column = 1;
  a.bias_column = 1;
  a.epilogue = clamp.epilogue;
  a.low = clamp.low;
  a.high = clamp.high;
  return make_product(a, places);
}

void add_product_kernels(Makers& makers) {
  add(makers, {OpKind::kLinear}, make_linear);
  add(makers, {OpKind::kLinearWeightGradient}, make_weight_gradient);
  add(makers, {OpKind::kMatMul}, make_matmul);
}

}  // namespace rockmate::vector
