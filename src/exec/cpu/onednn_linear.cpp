// Linear layers, their weight gradients, and products of matrices.

#include <utility>

#include "exec/cpu/families.h"
#include "exec/cpu/onednn_product.h"
#include "exec/cpu/onednn_rounding.h"

namespace rockmate::cpu {
namespace {

using namespace onednn;

bool is_fit(const KernelView& kernel) {
  for (const auto* types : {&kernel.inputs, &kernel.outputs}) {
    for (const TensorType& type : *types) {
      const bool is_plain = type.dtype == DType::kFloat32 &&
                            type.format == MemoryFormat::kRowMajor && element_count(type.shape) > 0;
      if (!is_plain) return false;
    }
  }
  return true;
}

// Operand number 2, if there is one, is the bias.
Prepared prepare(const KernelView& kernel, Product product, bool swapped = false) {
  const bool has_bias = kernel.inputs.size() > 2;
  if (rounds(kernel.attributes)) {
    ProductOperands operands;
    if (swapped) std::swap(operands.a, operands.b);
    if (has_bias) operands.bias = 2;
    if (auto prepared = prepare_rounded(product, operands, kernel.adds)) {
      return *std::move(prepared);
    }
  }
  const Multiplication by(std::move(product));
  Prepared prepared{[=](const Run& run) {
    by.run({run.in<float>(swapped ? 1 : 0), run.in<float>(swapped ? 0 : 1),
            has_bias ? run.in<float>(2) : nullptr, run.addend<float>(), run.out<float>()},
           run.threads());
  }};
  if (by.product().b_is_packed) prepared.packed.push_back(packed_operand(1, by));
  return prepared;
}

Product linear_product(const KernelView& kernel) {
  const Shape& x = kernel.shape();
  const Shape& y = kernel.out_shape();
  const bool transposed = kernel.attributes.flag("transpose_weight");
  return {1,
          extent(x, 0, x.size() - 1),
          x.back(),
          y.back(),
          {x.back(), false},
          {transposed ? x.back() : y.back(), transposed},
          {0},
          {0}};
}

std::optional<Prepared> make_linear(const KernelView& kernel, int) {
  if (!is_fit(kernel)) return std::nullopt;
  return prepare(kernel, linear_product(kernel));
}

// Many rows hide what it costs to pack, and of very few the weight is read once, as it lies.
std::optional<Prepared> make_packed_linear(const KernelView& kernel, int) {
  constexpr std::int64_t kFewRows = 16, kManyRows = 1024;
  Product product = linear_product(kernel);
  if (!is_float32(kernel) || rounds(kernel.attributes) || product.rows < kFewRows ||
      product.rows > kManyRows || product.inner * product.columns == 0) {
    return std::nullopt;
  }
  product.b_is_packed = true;
  return prepare(kernel, std::move(product));
}

// dw = x^T dy, or dy^T x where the weight is [out, in].
std::optional<Prepared> make_weight_gradient(const KernelView& kernel, int) {
  if (!is_fit(kernel)) return std::nullopt;
  const Shape& dw = kernel.out_shape();
  const Shape& x = kernel.shape();
  return prepare(
      kernel,
      {1, dw[0], extent(x, 0, x.size() - 1), dw[1], {dw[0], true}, {dw[1], false}, {0}, {0}},
      kernel.attributes.flag("transpose_weight"));
}

std::optional<Prepared> make_matmul(const KernelView& kernel, int) {
  if (!is_fit(kernel)) return std::nullopt;
  return prepare(kernel, matrix_product(kernel.attributes, kernel.shape(0), kernel.shape(1),
                                        kernel.out_shape()));
}

}  // namespace

void add_packed_products(Makers& makers) { add(makers, {OpKind::kLinear}, make_packed_linear); }

void add_onednn_products(Makers& makers) {
  using enum OpKind;
  add(makers, {kLinear}, make_linear);
  add(makers, {kLinearWeightGradient}, make_weight_gradient);
  add(makers, {kMatMul}, make_matmul);
}

}  // namespace rockmate::cpu
