// Matrix products. A product with a matrix becomes `linear`, whose gradient is the better one; what
// else there is becomes `matmul`.

#include <fmt/format.h>

#include "graph/onnx/ops/importers.h"

namespace rockmate::from_onnx {
namespace {

// alpha * a' * b' + beta * c
void import_gemm(NodeCall& call) {
  if (call.shape(0).size() != 2 || call.shape(1).size() != 2) {
    NodeCall::reject(fmt::format("operands {} and {}, expected matrices", to_string(call.shape(0)),
                                 to_string(call.shape(1))));
  }
  const double alpha = call.real("alpha", 1);
  const double beta = call.real("beta", 1);
  TensorId a = call.tensor(0);
  const TensorId weight = call.tensor(1);
  if (call.integer("transA", 0) != 0) a = call.b().transpose(a, {1, 0});
  const bool transposed = call.integer("transB", 0) != 0;
  const std::int64_t out = call.shape(1)[transposed ? 0 : 1];
  const bool has_bias = call.has(2) && beta != 0;
  if (has_bias && alpha == 1 && beta == 1 && call.shape(2) == Shape{out}) {
    const TensorId bias = call.tensor(2);
    return call.set(call.b().linear(a, weight, bias, transposed));
  }
  TensorId y = call.b().linear(a, weight, std::nullopt, transposed);
  if (alpha != 1) y = call.b().scale(y, alpha);
  if (has_bias) {
    TensorId c = call.tensor(2);
    if (beta != 1) c = call.b().scale(c, beta);
    y = call.b().add(y, c);
  }
  call.set(y);
}

TensorId with_axis(NodeCall& call, TensorId x, std::int64_t axis) {
  return call.b().unsqueeze(x, axis);
}

// numpy's rule: a vector on the left is a row, on the right a column, and its axis is dropped.
void import_matmul(NodeCall& call) {
  const std::size_t rank_a = call.shape(0).size();
  const std::size_t rank_b = call.shape(1).size();
  if (rank_a == 0 || rank_b == 0) NodeCall::reject("an operand is a scalar, expected matrices");
  TensorId a = call.tensor(0);
  TensorId b = call.tensor(1);
  if (rank_b == 2) return call.set(call.b().linear(a, b, std::nullopt, false));
  if (rank_a == 1) a = with_axis(call, a, 0);
  if (rank_b == 1) b = with_axis(call, b, 1);
  TensorId y = call.b().matmul(a, b);
  if (rank_b == 1) y = call.b().squeeze(y, -1);
  if (rank_a == 1) y = call.b().squeeze(y, rank_b == 1 ? -1 : -2);
  call.set(y);
}

}  // namespace

void add_linear_importers(Importers& importers) {
  importers["Gemm"] = import_gemm;
  importers["MatMul"] = import_matmul;
}

}  // namespace rockmate::from_onnx
