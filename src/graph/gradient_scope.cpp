#include "graph/gradient_scope.h"

namespace rockmate {

void GradientScope::contribute_reduced(std::size_t i, TensorId gradient) {
  const Shape to = shape(input(i));
  const Shape from = shape(gradient);
  if (from == to) return contribute(i, gradient);
  const std::size_t lead = from.size() - to.size();
  std::vector<std::int64_t> axes;
  bool inner = false;  // axes of `to` that were broadcast, which stay with extent 1
  for (std::size_t a = 0; a < from.size(); ++a) {
    if (a >= lead && to[a - lead] == from[a]) continue;
    axes.push_back(static_cast<std::int64_t>(a));
    inner = inner || a >= lead;
  }
  const bool keep = inner;
  TensorId sum = gradient;
  if (!axes.empty()) {
    sum = emit("reduced_" + std::to_string(i), OpKind::kReduceSum, {gradient},
               {{"axes", axes}, {"keep", keep}});
  }
  if (shape(sum) != to) {
    sum = emit("reshaped_" + std::to_string(i), OpKind::kReshape, {sum}, {{"shape", to}});
  }
  contribute(i, sum);
}

}  // namespace rockmate
