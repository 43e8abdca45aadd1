// Gather: rows of a table, picked by whole numbers along attribute `axis`; an embedding is a gather
// along axis 0. Its gradient scatters dy into zeros, or into a gradient that is there already.
//
// Attributes: axis; table_shape (gradient).

#include <fmt/format.h>

#include "graph/ops/families.h"
#include "graph/ops/shapes.h"

namespace rockmate {
namespace {

void require_indices(const OpView& op, std::size_t input) {
  const DType dtype = op.input(input).dtype;
  if (dtype != DType::kInt64 && dtype != DType::kInt32) {
    op.reject(fmt::format("the indices are {}, expected int64 or int32", to_string(dtype)));
  }
}

Types infer_gather(const OpView& op) {
  require_indices(op, 1);
  const Shape& table = op.shape(0);
  const auto axis = static_cast<std::ptrdiff_t>(axis_of(op, table.size()));
  Shape y(table.begin(), table.begin() + axis);
  y.insert(y.end(), op.shape(1).begin(), op.shape(1).end());
  y.insert(y.end(), table.begin() + axis + 1, table.end());
  return {{op.input(0).dtype, y}};
}

// (dy, indices) -> the gradient of the table
Types infer_gather_gradient(const OpView& op) {
  return {{op.input(0).dtype, op.attributes.integers("table_shape")}};
}

double no_flops(const OpView&, const Types&) { return 0; }
double gradient_flops(const OpView& op, const Types&) { return count(op.input(0)); }

Bytes gather_traffic(const OpView& op, const Types& outputs) {
  return times(2, outputs[0].bytes()) + op.input(1).bytes();
}

void gather_gradient(GradientScope& scope) {
  if (!scope.wants(0)) return;
  Attributes attributes = scope.node().attributes;
  attributes.set("table_shape", scope.shape(scope.input(0)));
  scope.contribute(0, scope.emit("backward", OpKind::kGatherGradient,
                                 {scope.gradient(), scope.input(1)}, std::move(attributes)));
}

}  // namespace

void add_indexing_ops(OpDefinitions& table) {
  table.push_back({.kind = OpKind::kGather,
                   .name = "gather",
                   .min_inputs = 2,
                   .max_inputs = 2,
                   .infer = infer_gather,
                   .flops = no_flops,
                   .traffic = gather_traffic,
                   .gradient = gather_gradient});
  table.push_back({.kind = OpKind::kGatherGradient,
                   .name = "gather_gradient",
                   .min_inputs = 2,
                   .max_inputs = 2,
                   .infer = infer_gather_gradient,
                   .flops = gradient_flops,
                   .adds = true});
}

}  // namespace rockmate
