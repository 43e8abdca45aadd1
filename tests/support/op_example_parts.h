// What examples of ops are made of.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "support/op_examples.h"

namespace rockmate::testing {

using Ids = std::vector<TensorId>;
using Add = std::function<Ids(GraphBuilder&)>;
using Op1 = TensorId (GraphBuilder::*)(TensorId);
using Op2 = TensorId (GraphBuilder::*)(TensorId, TensorId);

/// Elements drawn from [low, high], the same in every run.
[[nodiscard]] std::vector<double> draw(const Shape& shape, double low, double high,
                                       std::uint64_t seed);
/// A parameter that has such elements.
TensorId param(GraphBuilder& b, const std::string& name, const Shape& shape, double low = -2,
               double high = 2);
/// Whole numbers.
TensorId whole(GraphBuilder& b, const std::string& name, const Shape& shape,
               std::vector<double> data);
/// An op of one parameter.
[[nodiscard]] Add unary(Op1 op, double low = -2, double high = 2);

/// Ops that move, combine and reduce elements.
void add_tensor_examples(std::vector<OpExample>& list);

}  // namespace rockmate::testing
