// Optimizers: (parameter, gradient, states...) with parameter and states updated in place. `adam`
// decays weights through the gradient, or directly where `decoupled` (AdamW). Bias corrections
// follow from the number of the step, which the engine knows.
//
// Attributes: learning_rate, weight_decay; momentum; beta1, beta2, epsilon, decoupled.

#include <fmt/format.h>

#include "graph/ops/families.h"
#include "graph/ops/shapes.h"

namespace rockmate {
namespace {

Types infer_optimizer(const OpView& op) {
  for (std::size_t i = 1; i < op.inputs.size(); ++i) {
    require_shape(op, i, op.shape(0), fmt::format("input {}", i));
  }
  return {};
}

template <int per_element>
double flops(const OpView& op, const Types&) {
  return per_element * count(op.input(0));
}

// Everything is read, and all but the gradient written.
Bytes traffic(const OpView& op, const Types&) {
  return times(2 * static_cast<std::int64_t>(op.inputs.size()) - 1, op.input(0).bytes());
}

template <int per_element>
void add_optimizer(OpDefinitions& table, OpKind kind, std::string_view name, std::size_t states) {
  std::vector<std::size_t> updates = {0};
  for (std::size_t i = 0; i < states; ++i) updates.push_back(2 + i);
  table.push_back({.kind = kind,
                   .name = name,
                   .min_inputs = 2 + states,
                   .max_inputs = 2 + states,
                   .outputs = {},
                   .infer = infer_optimizer,
                   .flops = flops<per_element>,
                   .traffic = traffic,
                   .updates = updates,
                   .free_attributes = {"learning_rate", "weight_decay", "momentum", "beta1",
                                       "beta2", "epsilon", "decoupled"}});
}

}  // namespace

void add_optimizer_ops(OpDefinitions& table) {
  add_optimizer<4>(table, OpKind::kSgd, "sgd", 0);
  add_optimizer<6>(table, OpKind::kMomentum, "momentum", 1);
  add_optimizer<16>(table, OpKind::kAdam, "adam", 2);
}

}  // namespace rockmate
