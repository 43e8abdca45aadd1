// Products of matrices: linear, its weight gradient, matmul.

#include "exec/reference/product.h"

#include "exec/reference/kernel.h"
#include "exec/reference/strided.h"

namespace rockmate::reference {
namespace {

// A matrix as a loader sees it: the distances between neighbouring outer products, and between the
// elements of one.
struct Layout {
  std::int64_t k_stride, stride;
};
Layout rows_of(std::int64_t columns) { return {1, columns}; }
Layout columns_of(std::int64_t columns) { return {columns, 1}; }

template <class T, class P>
void load(const T* data, Layout layout, const Block& block, const P& panels) {
  const T* origin = data + block.first_k * layout.k_stride + block.first * layout.stride;
  if (layout.stride == 1) {
    for (std::int64_t k = 0; k < block.depth; ++k) {
      const T* line = origin + k * layout.k_stride;
      for (std::int64_t i = 0; i < block.count; ++i) panels(k, i) = line[i];
    }
  } else {
    for (std::int64_t i = 0; i < block.count; ++i) {
      const T* line = origin + i * layout.stride;
      for (std::int64_t k = 0; k < block.depth; ++k) panels(k, i) = line[k * layout.k_stride];
    }
  }
}

// What a matrix product needs besides addresses. Where the leading axes of the operands are
// broadcast, products share matrices.
struct MatrixProduct {
  ProductExtents size;
  Layout a, b;
  std::vector<std::int64_t> a_starts, b_starts;  // per product
};

template <class T>
struct MatrixOperands {
  const MatrixProduct& plan;
  const T* a;
  const T* b;
  const T* bias;    // per column; may be null
  const T* addend;  // may be null, or y itself
  T* y;

  template <class P>
  void load_a(const Block& block, const P& panels) const {
    load(a + plan.a_starts[static_cast<std::size_t>(block.product)], plan.a, block, panels);
  }
  template <class P>
  void load_b(const Block& block, const P& panels) const {
    load(b + plan.b_starts[static_cast<std::size_t>(block.product)], plan.b, block, panels);
  }
  void store(std::int64_t product, std::int64_t row, std::int64_t column, std::int64_t count,
             T* sums) const {
    if (bias != nullptr) {
      for (std::int64_t i = 0; i < count; ++i) sums[i] += bias[column + i];
    }
    const std::int64_t at = (product * plan.size.rows + row) * plan.size.columns + column;
    if (addend != nullptr) {
      for (std::int64_t i = 0; i < count; ++i) sums[i] = addend[at + i] + sums[i];
    }
    std::copy_n(sums, count, y + at);
  }
};

// Operand number 2, if there is one, is the bias.
Body matrix_body(const KernelView& kernel, MatrixProduct plan, bool swapped = false) {
  return for_floating(kernel, kernel.dtype(), [&](auto t) -> Body {
    using T = decltype(t);
    const bool has_bias = kernel.inputs.size() > 2;
    return [plan, has_bias, swapped](const Run& run) {
      const MatrixOperands<T> operands{plan,
                                       run.in<T>(swapped ? 1 : 0),
                                       run.in<T>(swapped ? 0 : 1),
                                       has_bias ? run.in<T>(2) : nullptr,
                                       run.addend<T>(),
                                       run.out<T>()};
      multiply<T>(run.threads(), plan.size, operands);
    };
  });
}

Body make_linear(const KernelView& kernel) {
  const Shape& x = kernel.shape();
  const Shape& y = kernel.out_shape();
  const std::int64_t rows = extent(x, 0, x.size() - 1);
  const bool transposed = kernel.attributes.flag("transpose_weight");
  return matrix_body(kernel, {{1, rows, x.back(), y.back()},
                              rows_of(x.back()),
                              transposed ? rows_of(x.back()) : columns_of(y.back()),
                              {0},
                              {0}});
}

// dw = x^T dy, or dy^T x where the weight is [out, in].
Body make_linear_weight_gradient(const KernelView& kernel) {
  const Shape& dw = kernel.out_shape();
  const Shape& x = kernel.shape();
  const std::int64_t rows = extent(x, 0, x.size() - 1);
  const bool transposed = kernel.attributes.flag("transpose_weight");
  return matrix_body(kernel,
                     {{1, dw[0], rows, dw[1]}, columns_of(dw[0]), columns_of(dw[1]), {0}, {0}},
                     transposed);
}

// Where the matrix that takes part in each product begins.
std::vector<std::int64_t> starts(const Shape& operand, const Shape& y) {
  const Shape own(operand.begin(), operand.end() - 2);
  const Shape batch(y.begin(), y.end() - 2);
  const std::int64_t matrix = extent(operand, own.size(), operand.size());
  const Strides strides = broadcast_strides(own, batch);
  std::vector<std::int64_t> result(static_cast<std::size_t>(element_count(batch)));
  for (std::size_t p = 0; p < result.size(); ++p) {
    auto rest = static_cast<std::int64_t>(p);
    for (std::size_t a = batch.size(); a-- > 0; rest /= batch[a]) {
      result[p] += rest % batch[a] * strides[a] * matrix;
    }
  }
  return result;
}

Body make_matmul(const KernelView& kernel) {
  const Shape& a = kernel.shape(0);
  const Shape& y = kernel.out_shape();
  const bool ta = kernel.attributes.flag("transpose_a");
  const bool tb = kernel.attributes.flag("transpose_b");
  const std::int64_t rows = y[y.size() - 2];
  const std::int64_t columns = y.back();
  const std::int64_t inner = a[a.size() - (ta ? 2 : 1)];
  return matrix_body(kernel, {{extent(y, 0, y.size() - 2), rows, inner, columns},
                              ta ? columns_of(rows) : rows_of(inner),
                              tb ? rows_of(inner) : columns_of(columns),
                              starts(a, y),
                              starts(kernel.shape(1), y)});
}

}  // namespace

void add_product_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kLinear}, make_linear);
  add(makers, {kLinearWeightGradient}, make_linear_weight_gradient);
  add(makers, {kMatMul}, make_matmul);
}

}  // namespace rockmate::reference
