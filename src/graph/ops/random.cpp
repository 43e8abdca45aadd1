// Dropout. The mask is a pure function of (seed, step, stream, element): the gradient is the same
// op with the same `stream` on dy, nothing is saved, and a second run draws the same mask.
//
// Attributes: rate, stream (a number of its own for each dropout of the model), first (of the
// stream's numbers, for the first element; 0 unless stated: micro-batches differ in it), negates
// (what is dropped changes its sign, and nothing is scaled: where x has no negative elements, one
// tensor tells x and what dropout makes of it).

#include <fmt/format.h>

#include "graph/ops/families.h"
#include "graph/ops/shapes.h"

namespace rockmate {
namespace {

Types infer_dropout(const OpView& op) {
  require_floating(op, 0);
  const double rate = op.attributes.real("rate");
  if (!(rate >= 0 && rate < 1)) op.reject(fmt::format("rate is {}, expected 0 <= rate < 1", rate));
  static_cast<void>(op.attributes.integer("stream"));
  return {op.input(0)};
}

double dropout_flops(const OpView& op, const Types&) { return 10 * count(op.input(0)); }

void dropout_gradient(GradientScope& scope) {
  scope.contribute(
      0, scope.emit("backward", OpKind::kDropout, {scope.gradient()}, scope.node().attributes));
}

}  // namespace

void add_random_ops(OpDefinitions& table) {
  table.push_back({.kind = OpKind::kDropout,
                   .name = "dropout",
                   .infer = infer_dropout,
                   .flops = dropout_flops,
                   .gradient = dropout_gradient,
                   .in_place = {{0, 0}},
                   .free_attributes = {"rate", "stream", "first"}});
}

}  // namespace rockmate
