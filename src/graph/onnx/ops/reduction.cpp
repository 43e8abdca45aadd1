// Reductions. The axes are an attribute in older opsets, an input in newer ones.

#include <cmath>
#include <numeric>

#include "graph/onnx/ops/importers.h"

namespace rockmate::from_onnx {
namespace {

double sum(double a, double b) { return a + b; }
double product(double a, double b) { return a * b; }
double larger(double a, double b) { return a < b ? b : a; }
double smaller(double a, double b) { return b < a ? b : a; }

using Reduce = TensorId (GraphBuilder::*)(TensorId, const std::vector<std::int64_t>&, bool);

struct Reduction {
  std::vector<std::int64_t> axes;
  bool keep = true;
};

Reduction reduction_of(NodeCall& call) {
  const std::size_t rank = call.shape(0).size();
  Reduction reduction{call.rising_axes(call.list("axes", 1).value_or(Shape{}), rank),
                      call.integer("keepdims", 1) != 0};
  if (reduction.axes.empty() && call.integer("noop_with_empty_axes", 0) == 0) {
    reduction.axes.resize(rank);
    std::iota(reduction.axes.begin(), reduction.axes.end(), std::int64_t{0});
  }
  return reduction;
}

bool fold(NodeCall& call, const Reduction& reduction, RealBinary combine, bool mean) {
  const Constant* x = call.foldable(0);
  if (x == nullptr) return false;
  Folded result = fold_reduce(*x, reduction.axes, reduction.keep, combine, mean);
  if (!result) return false;
  call.set(*std::move(result));
  return true;
}

// No axes: nothing is reduced (the builder takes an empty list for all of them).
TensorId reduced(NodeCall& call, Reduce method, TensorId x, const Reduction& reduction) {
  if (reduction.axes.empty()) return x;
  return (call.b().*method)(x, reduction.axes, reduction.keep);
}

template <RealBinary combine, Reduce method>
void import_reduction(NodeCall& call) {
  const Reduction reduction = reduction_of(call);
  if (fold(call, reduction, combine, call.op() == "ReduceMean")) return;
  const TensorId x = call.tensor(0);
  call.set(reduced(call, method, x, reduction));
}

void import_product(NodeCall& call) {
  if (fold(call, reduction_of(call), product, false)) return;
  NodeCall::reject("supported for constants only");
}

enum class Norm { kL1, kL2, kSquares, kLogSum, kLogSumExp };

template <Norm norm>
void import_norm(NodeCall& call) {
  const Reduction reduction = reduction_of(call);
  TensorId x = call.tensor(0);
  if constexpr (norm == Norm::kL1) x = call.b().abs(x);
  if constexpr (norm == Norm::kL2 || norm == Norm::kSquares) x = call.b().mul(x, x);
  if constexpr (norm == Norm::kLogSumExp) x = call.b().exp(x);
  TensorId y = reduced(call, &GraphBuilder::reduce_sum, x, reduction);
  if constexpr (norm == Norm::kL2) y = call.b().sqrt(y);
  if constexpr (norm == Norm::kLogSum || norm == Norm::kLogSumExp) y = call.b().log(y);
  call.set(y);
}

}  // namespace

void add_reduction_importers(Importers& importers) {
  importers["ReduceSum"] = import_reduction<sum, &GraphBuilder::reduce_sum>;
  importers["ReduceMean"] = import_reduction<sum, &GraphBuilder::reduce_mean>;
  importers["ReduceMax"] = import_reduction<larger, &GraphBuilder::reduce_max>;
  importers["ReduceMin"] = import_reduction<smaller, &GraphBuilder::reduce_min>;
  importers["ReduceProd"] = import_product;
  importers["ReduceL1"] = import_norm<Norm::kL1>;
  importers["ReduceL2"] = import_norm<Norm::kL2>;
  importers["ReduceSumSquare"] = import_norm<Norm::kSquares>;
  importers["ReduceLogSum"] = import_norm<Norm::kLogSum>;
  importers["ReduceLogSumExp"] = import_norm<Norm::kLogSumExp>;
}

}  // namespace rockmate::from_onnx
