// Optimizers: (parameter, gradient, states..., factor) with parameter and states updated in place;
// the gradient counts times the factor, a scalar that may be absent. `adam` decays weights through
// the gradient, or directly where `decoupled` (AdamW). They act in every `every`-th step alone;
// bias corrections follow from how often they have acted, which the number of the step tells.
//
// What stands before them: `accumulate` puts gradient / every into (accumulator, gradient) in the
// first of `every` steps, and adds it in the others. `squared_norm` of a gradient is a scalar, and
// `clip_factor` of all of them min(1, max_norm / (norm + 1e-6)).
//
// Attributes: learning_rate, weight_decay, every; momentum; beta1, beta2, epsilon, decoupled;
// max_norm.

#include <fmt/format.h>

#include <limits>

#include "graph/ops/families.h"
#include "graph/ops/shapes.h"

namespace rockmate {
namespace {

template <std::size_t states>
Types infer_optimizer(const OpView& op) {
  for (std::size_t i = 1; i < 2 + states; ++i) {
    require_shape(op, i, op.shape(0), fmt::format("input {}", i));
  }
  if (op.has(2 + states)) {
    require_shape(op, 2 + states, {}, "the factor");
    require_same_dtype(op, 0, 2 + states);
  }
  return {};
}

Types infer_accumulate(const OpView& op) {
  require_shape(op, 1, op.shape(0), "the gradient");
  require_same_dtype(op, 0, 1);
  return {};
}

Types infer_squared_norm(const OpView& op) {
  require_floating(op, 0);
  return {{op.input(0).dtype, {}}};
}

Types infer_clip_factor(const OpView& op) {
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    require_shape(op, i, {}, fmt::format("input {}", i));
    require_same_dtype(op, 0, i);
  }
  return {op.input(0)};
}

double flops_of_norm(const OpView& op, const Types&) { return 2 * count(op.input(0)); }

template <int per_element>
double flops(const OpView& op, const Types&) {
  return per_element * count(op.input(0));
}

// Everything is read, and all but the gradient and the factor written.
template <std::size_t states>
Bytes traffic(const OpView& op, const Types&) {
  return times(3 + 2 * static_cast<std::int64_t>(states), op.input(0).bytes());
}

template <int per_element, std::size_t states>
void add_optimizer(OpDefinitions& table, OpKind kind, std::string_view name) {
  std::vector<std::size_t> updates = {0};
  for (std::size_t i = 0; i < states; ++i) updates.push_back(2 + i);
  table.push_back({.kind = kind,
                   .name = name,
                   .min_inputs = 2 + states,
                   .max_inputs = 3 + states,
                   .outputs = {},
                   .infer = infer_optimizer<states>,
                   .flops = flops<per_element>,
                   .traffic = traffic<states>,
                   .updates = updates,
                   .free_attributes = {"learning_rate", "weight_decay", "momentum", "beta1",
                                       "beta2", "epsilon", "decoupled", "every"}});
}

}  // namespace

void add_optimizer_ops(OpDefinitions& table) {
  add_optimizer<4, 0>(table, OpKind::kSgd, "sgd");
  add_optimizer<6, 1>(table, OpKind::kMomentum, "momentum");
  add_optimizer<16, 2>(table, OpKind::kAdam, "adam");
  table.push_back({.kind = OpKind::kAccumulate,
                   .name = "accumulate",
                   .min_inputs = 2,
                   .max_inputs = 2,
                   .outputs = {},
                   .infer = infer_accumulate,
                   .flops = flops<2>,
                   .traffic = traffic<0>,
                   .updates = {0},
                   .free_attributes = {"every"}});
  table.push_back({.kind = OpKind::kSquaredNorm,
                   .name = "squared_norm",
                   .infer = infer_squared_norm,
                   .flops = flops_of_norm});
  table.push_back({.kind = OpKind::kClipFactor,
                   .name = "clip_factor",
                   .max_inputs = std::numeric_limits<std::size_t>::max(),
                   .infer = infer_clip_factor,
                   .free_attributes = {"max_norm"}});
}

}  // namespace rockmate
