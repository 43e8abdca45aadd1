// Matrix products. `linear` multiplies the last axis by a matrix; `matmul` multiplies the last two
// axes of both operands and broadcasts the others.
//
// Attributes: transpose_weight (linear: the weight is [out, in]); transpose_a, transpose_b
// (matmul).

#include <fmt/format.h>

#include <numeric>

#include "graph/ops/families.h"
#include "graph/ops/shapes.h"

namespace rockmate {
namespace {

Types infer_linear(const OpView& op) {
  require_floating(op, 0);
  require_same_dtype(op, 0, 1);
  require_rank(op, 0, 1);
  const Shape& weight = op.shape(1);
  if (weight.size() != 2) {
    op.reject(fmt::format("the weight has the shape {}, expected 2 axes", to_string(weight)));
  }
  const bool transposed = op.attributes.flag("transpose_weight");
  const std::int64_t in = weight[transposed ? 1 : 0];
  const std::int64_t out = weight[transposed ? 0 : 1];
  Shape y = op.shape(0);
  if (y.back() != in) {
    op.reject(fmt::format("the input {} ends in {} features, the weight {} expects {}",
                          to_string(y), y.back(), to_string(weight), in));
  }
  if (op.has(2)) require_shape(op, 2, {out}, "the bias");
  y.back() = out;
  return {{op.input(0).dtype, y}};
}

double linear_flops(const OpView& op, const Types& outputs) {
  return 2 * count(outputs[0]) * static_cast<double>(op.shape(0).back());
}

// (x, dy) -> the gradient of the weight, summed over all leading axes.
Types infer_weight_gradient(const OpView& op) {
  require_same_dtype(op, 0, 1);
  const std::int64_t in = op.shape(0).back();
  const std::int64_t out = op.shape(1).back();
  const bool transposed = op.attributes.flag("transpose_weight");
  return {{op.input(0).dtype, transposed ? Shape{out, in} : Shape{in, out}}};
}

double weight_gradient_flops(const OpView& op, const Types&) {
  return 2 * count(op.input(0)) * static_cast<double>(op.shape(1).back());
}

void linear_gradient(GradientScope& scope) {
  const bool transposed = scope.node().attributes.flag("transpose_weight");
  const TensorId dy = scope.gradient();
  if (scope.wants(2)) {
    std::vector<std::int64_t> axes(scope.shape(dy).size() - 1);
    std::iota(axes.begin(), axes.end(), std::int64_t{0});
    scope.contribute(2, axes.empty() ? dy
                                     : scope.emit("bias_gradient", OpKind::kReduceSum, {dy},
                                                  {{"axes", axes}, {"keep", false}}));
  }
  if (scope.wants(1)) {
    scope.contribute(1, scope.emit("weight_gradient", OpKind::kLinearWeightGradient,
                                   {scope.input(0), dy}, {{"transpose_weight", transposed}}));
  }
  if (scope.wants(0)) {
    scope.contribute(0, scope.emit("input_gradient", OpKind::kLinear, {dy, scope.input(1)},
                                   {{"transpose_weight", !transposed}}));
  }
}

struct MatMulShapes {
  Shape batch;
  std::int64_t rows, inner, columns;
};

MatMulShapes matmul_shapes(const OpView& op) {
  const Shape& a = op.shape(0);
  const Shape& b = op.shape(1);
  const std::size_t ta = op.attributes.flag("transpose_a") ? 1 : 0;
  const std::size_t tb = op.attributes.flag("transpose_b") ? 1 : 0;
  const std::size_t ra = a.size();
  const std::size_t rb = b.size();
  MatMulShapes shapes{{}, a[ra - 2 + ta], a[ra - 1 - ta], b[rb - 1 - tb]};
  if (shapes.inner != b[rb - 2 + tb]) {
    op.reject(fmt::format("{}{} times {}{}: the inner extents are {} and {}, expected equal ones",
                          to_string(a), ta != 0 ? " transposed" : "", to_string(b),
                          tb != 0 ? " transposed" : "", shapes.inner, b[rb - 2 + tb]));
  }
  shapes.batch = broadcast(op, Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
  return shapes;
}

Types infer_matmul(const OpView& op) {
  require_floating(op, 0);
  require_same_dtype(op, 0, 1);
  require_rank(op, 0, 2);
  require_rank(op, 1, 2);
  const MatMulShapes shapes = matmul_shapes(op);
  Shape y = shapes.batch;
  y.push_back(shapes.rows);
  y.push_back(shapes.columns);
  return {{op.input(0).dtype, y}};
}

double matmul_flops(const OpView& op, const Types& outputs) {
  return 2 * count(outputs[0]) * static_cast<double>(matmul_shapes(op).inner);
}

// y = A B with A = a or a^T: dA = dy B^T, dB = A^T dy, each transposed back where a or b is.
void matmul_gradient(GradientScope& scope) {
  const bool ta = scope.node().attributes.flag("transpose_a");
  const bool tb = scope.node().attributes.flag("transpose_b");
  const TensorId a = scope.input(0);
  const TensorId b = scope.input(1);
  const TensorId dy = scope.gradient();
  const auto product_of = [&](const char* role, TensorId x, bool tx, TensorId y, bool ty) {
    return scope.emit(role, OpKind::kMatMul, {x, y}, {{"transpose_a", tx}, {"transpose_b", ty}});
  };
  if (scope.wants(1)) {
    scope.contribute_reduced(1, tb ? product_of("b_gradient", dy, true, a, ta)
                                   : product_of("b_gradient", a, !ta, dy, false));
  }
  if (scope.wants(0)) {
    scope.contribute_reduced(0, ta ? product_of("a_gradient", b, tb, dy, true)
                                   : product_of("a_gradient", dy, false, b, !tb));
  }
}

}  // namespace

void add_linear_ops(OpDefinitions& table) {
  table.push_back({.kind = OpKind::kLinear,
                   .name = "linear",
                   .min_inputs = 2,
                   .max_inputs = 3,
                   .infer = infer_linear,
                   .flops = linear_flops,
                   .gradient = linear_gradient,
                   .is_matrix = true,
                   .adds = true});
  table.push_back({.kind = OpKind::kLinearWeightGradient,
                   .name = "linear_weight_gradient",
                   .min_inputs = 2,
                   .max_inputs = 2,
                   .infer = infer_weight_gradient,
                   .flops = weight_gradient_flops,
                   .is_matrix = true,
                   .adds = true});
  table.push_back({.kind = OpKind::kMatMul,
                   .name = "matmul",
                   .min_inputs = 2,
                   .max_inputs = 2,
                   .infer = infer_matmul,
                   .flops = matmul_flops,
                   .gradient = matmul_gradient,
                   .is_matrix = true,
                   .adds = true});
}

}  // namespace rockmate
