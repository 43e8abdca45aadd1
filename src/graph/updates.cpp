#include "graph/updates.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

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
  if (options.accumulate > 1) op.attributes.set("every", options.accumulate);
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

void check(const TrainingOptions& options) {
  if (!std::isfinite(options.clip_norm) || options.clip_norm < 0) {
    throw InvalidInput(fmt::format("a largest norm of gradients of {}, expected 0 (any) or more",
                                   options.clip_norm));
  }
  if (options.accumulate >= 1) return;
  throw InvalidInput(fmt::format("gradients that accumulate over {} iterations, expected 1 or more",
                                 options.accumulate));
}

using Insertion = std::pair<std::size_t, Step>;  // behind which step

// For each tensor, the step that makes it.
std::vector<std::size_t> makers(const Tape& tape) {
  std::vector<std::size_t> made(tape.tensors().size());
  for (std::size_t s = 0; s < tape.steps().size(); ++s) {
    for (const TensorId t : tape.steps()[s].node.outputs) made[t.index()] = s;
  }
  return made;
}

Step update_step(Tape& tape, const std::string& name, OpKind kind, Attributes attributes,
                 std::vector<TensorId> inputs) {
  return {{tape.unique(name), kind, std::move(attributes), std::move(inputs), {}},
          Phase::kUpdate,
          std::nullopt};
}

// Gradients in sources of their own: what was made anew in each iteration becomes their sum.
void add_accumulators(Tape& tape, std::vector<Trained>& trained, const TrainingOptions& options) {
  if (options.accumulate == 1) return;
  const auto made = makers(tape);
  std::vector<Insertion> sums;
  for (Trained& entry : trained) {
    const Tensor parameter = tape[entry.parameter].tensor;
    entry.states.push_back(tape.add_source(parameter.name + ".accumulated", parameter.type,
                                           ValueKind::kOptimizerState, {}));
    sums.push_back(
        {made[entry.gradient.index()],
         update_step(tape, parameter.name + ".accumulate", OpKind::kAccumulate,
                     {{"every", options.accumulate}}, {entry.states.back(), entry.gradient})});
  }
  tape.insert_after(std::move(sums));
}

// What the optimizer takes for the gradient.
TensorId step_gradient(const Trained& entry, const TrainingOptions& options) {
  return options.accumulate == 1 ? entry.gradient : entry.states.front();
}

// By what the gradients are multiplied, made behind everything else.
std::optional<TensorId> add_clipping(Tape& tape, const std::vector<Trained>& trained,
                                     const TrainingOptions& options) {
  if (options.clip_norm == 0 || trained.empty()) return std::nullopt;
  const auto emit = [&](const std::string& name, OpKind kind, std::vector<TensorId> inputs,
                        Attributes attributes) {
    return tape
        .emit(name, kind, std::move(inputs), std::move(attributes), Phase::kUpdate, std::nullopt)
        .front();
  };
  std::vector<TensorId> norms;
  for (const Trained& entry : trained) {
    norms.push_back(emit(tape[entry.parameter].tensor.name + ".squared_norm", OpKind::kSquaredNorm,
                         {step_gradient(entry, options)}, {}));
  }
  return emit("clip_factor", OpKind::kClipFactor, std::move(norms),
              {{"max_norm", options.clip_norm}});
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
  check(options);
  if (options.optimizer == OptimizerKind::kNone) return;
  add_accumulators(tape, trained, options);
  const std::optional<TensorId> factor = add_clipping(tape, trained, options);
  const OptimizerOp op = optimizer_op(options);
  const auto last = last_touches(tape);
  const auto made = makers(tape);
  std::vector<Insertion> updates;
  for (Trained& entry : trained) {
    const Tensor parameter = tape[entry.parameter].tensor;
    std::vector<TensorId> inputs = {entry.parameter, step_gradient(entry, options)};
    for (const std::string& state : op.states) {
      entry.states.push_back(tape.add_source(parameter.name + "." + state, parameter.type,
                                             ValueKind::kOptimizerState, {}));
      inputs.push_back(entry.states.back());
    }
    std::size_t place = std::max(last[tape[entry.parameter].storage], made[entry.gradient.index()]);
    if (options.accumulate > 1) place = std::max(place, last[entry.states.front()]);
    if (factor) {
      place = std::max(place, made[factor->index()]);
      inputs.push_back(*factor);
    }
    updates.push_back({place, update_step(tape, parameter.name + ".update", op.kind, op.attributes,
                                          std::move(inputs))});
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
