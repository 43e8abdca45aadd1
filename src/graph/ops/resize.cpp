// Resizing of the spatial axes. Nearest takes element floor(i * in / out); linear interpolates
// between the two neighbours per axis of (i + 1/2) * in / out - 1/2, clamped to the image, or of
// i * (in - 1) / (out - 1) where the corners are aligned.
//
// Attributes: size, mode ("nearest" or "linear"), align_corners; input_shape (gradient).

#include <fmt/format.h>

#include "graph/ops/families.h"
#include "graph/ops/shapes.h"

namespace rockmate {
namespace {

double taps(const OpView& op) {
  double result = 1;
  if (op.attributes.text("mode") == "linear") {
    for (std::size_t a = 2; a < op.rank(0); ++a) result *= 2;
  }
  return result;
}

Types infer_resize(const OpView& op) {
  require_floating(op, 0);
  require_rank(op, 0, 3);
  const std::string& mode = op.attributes.text("mode");
  if (mode != "nearest" && mode != "linear") {
    op.reject(fmt::format("mode is '{}', expected 'nearest' or 'linear'", mode));
  }
  Shape y = {op.shape(0)[0], op.shape(0)[1]};
  for (const std::int64_t extent : per_axis(op, "size", op.rank(0) - 2)) {
    if (extent < 1) op.reject(fmt::format("size holds {}, expected numbers >= 1", extent));
    y.push_back(extent);
  }
  return {{op.input(0).dtype, y}};
}

Types infer_resize_gradient(const OpView& op) {
  return {{op.input(0).dtype, op.attributes.integers("input_shape")}};
}

double resize_flops(const OpView& op, const Types& outputs) {
  return 2 * taps(op) * count(outputs[0]);
}
double gradient_flops(const OpView& op, const Types&) { return 2 * taps(op) * count(op.input(0)); }

void resize_gradient(GradientScope& scope) {
  Attributes attributes = scope.node().attributes;
  attributes.set("input_shape", scope.shape(scope.input(0)));
  scope.contribute(0, scope.emit("backward", OpKind::kResizeGradient, {scope.gradient()},
                                 std::move(attributes)));
}

}  // namespace

void add_resize_ops(OpDefinitions& table) {
  table.push_back({.kind = OpKind::kResize,
                   .name = "resize",
                   .infer = infer_resize,
                   .flops = resize_flops,
                   .gradient = resize_gradient});
  table.push_back({.kind = OpKind::kResizeGradient,
                   .name = "resize_gradient",
                   .infer = infer_resize_gradient,
                   .flops = gradient_flops});
}

}  // namespace rockmate
