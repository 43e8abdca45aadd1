#include "support/op_example_parts.h"

#include <random>

namespace rockmate::testing {

std::vector<double> draw(const Shape& shape, double low, double high, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(low, high);
  std::vector<double> data(static_cast<std::size_t>(element_count(shape)));
  for (double& element : data) element = uniform(random);
  return data;
}

TensorId param(GraphBuilder& b, const std::string& name, const Shape& shape, double low,
               double high) {
  const TensorId id = b.parameter(name, shape);
  b.set_data(id, draw(shape, low, high, std::hash<std::string>()(name)));
  return id;
}

TensorId whole(GraphBuilder& b, const std::string& name, const Shape& shape,
               std::vector<double> data) {
  return b.constant(name, {DType::kInt64, shape}, std::move(data));
}

Add unary(Op1 op, double low, double high) {
  return [=](GraphBuilder& b) -> Ids { return {(b.*op)(param(b, "x", {2, 5}, low, high))}; };
}

}  // namespace rockmate::testing
