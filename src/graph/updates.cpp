#include "graph/updates.h"

#include <fmt/format.h>

#include <algorithm>

#include "rockmate/error.h"

namespace rockmate {
namespace {

struct OptimizerName {
  OptimizerKind kind;
  std::string_view word;
};
constexpr OptimizerName kOptimizers[] = {{OptimizerKind::kNone, "none"},
                                         {OptimizerKind::kSgd, "sgd"},
                                         {OptimizerKind::kMomentum, "momentum"},
                                         {OptimizerKind::kAdam, "adam"},
                                         {OptimizerKind::kAdamW, "adamw"}};

struct OptimizerOp {
  OpKind kind = OpKind::kSgd;
  Attributes attributes;
  std::vector<std::string> states;
};

OptimizerOp optimizer_op(const TrainingOptions& options) {
  OptimizerOp op;
  op.attributes = {{"learning_rate", options.learning_rate},
                   {"weight_decay", options.weight_decay}};
  if (options.optimizer == OptimizerKind::kMomentum) {
    op.kind = OpKind::kMomentum;
    op.attributes.set("momentum", options.momentum);
    op.states = {"momentum"};
  } else if (options.optimizer != OptimizerKind::kSgd) {
    op.kind = OpKind::kAdam;
    op.attributes.set("beta1", options.beta1)
        .set("beta2", options.beta2)
        .set("epsilon", options.epsilon)
        .set("decoupled", options.optimizer == OptimizerKind::kAdamW);
    op.states = {"first_moment", "second_moment"};
  }
  return op;
}

}  // namespace

std::vector<Trained> trained_parameters(const Graph& graph, Differentiated& result) {
  std::vector<Trained> trained;
  for (std::size_t t = 0; t < graph.tensors().size(); ++t) {
    const auto gradient = result.gradients[TensorId(t)];
    if (!graph[TensorId(t)].trainable || !gradient) continue;
    trained.push_back({TensorId(t), *gradient});
    result.tape.set_kind(*gradient, ValueKind::kParameterGradient);
  }
  return trained;
}

void add_updates(Tape& tape, std::vector<Trained>& trained, const TrainingOptions& options) {
  if (options.optimizer == OptimizerKind::kNone) return;
  const OptimizerOp op = optimizer_op(options);
  const auto last = last_touches(tape);
  std::vector<std::size_t> made(tape.tensors().size());
  for (std::size_t s = 0; s < tape.steps().size(); ++s) {
    for (const TensorId t : tape.steps()[s].node.outputs) made[t.index()] = s;
  }
  std::vector<std::pair<std::size_t, Step>> updates;
  for (Trained& entry : trained) {
    const Tensor parameter = tape[entry.parameter].tensor;
    std::vector<TensorId> inputs = {entry.parameter, entry.gradient};
    for (const std::string& state : op.states) {
      entry.states.push_back(tape.add_source(parameter.name + "." + state, parameter.type,
                                             ValueKind::kOptimizerState, {}));
      inputs.push_back(entry.states.back());
    }
    const std::size_t place =
        std::max(last[tape[entry.parameter].storage], made[entry.gradient.index()]);
    updates.push_back(
        {place,
         {{tape.unique(parameter.name + ".update"), op.kind, op.attributes, std::move(inputs), {}},
          Phase::kUpdate,
          std::nullopt}});
  }
  tape.insert_after(std::move(updates));
}

std::string_view to_string(OptimizerKind optimizer) {
  return kOptimizers[static_cast<std::size_t>(optimizer)].word;
}

OptimizerKind parse_optimizer(std::string_view word) {
  std::string known;
  for (const OptimizerName& entry : kOptimizers) {
    if (entry.word == word) return entry.kind;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", entry.word);
  }
  throw InvalidInput(fmt::format("unknown optimizer '{}', expected one of {}", word, known));
}

}  // namespace rockmate
