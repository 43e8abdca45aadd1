#include "pipeline/run/rank_ops.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "graph/op_table.h"

namespace rockmate {
namespace {

// The gradient of a loss begins here; the mean over all micro-batches is what is minimised.
bool is_seed(const TrainingModel& model, OpId op) {
  const Kernel& kernel = model.kernels[op];
  return kernel.kind == OpKind::kFill && model.graph[op].phase == Phase::kLoss &&
         model.graph[kernel.outputs.front()].kind == ValueKind::kGradient;
}

ValueSpec spec_of(const Value& value, std::string name) {
  return {.name = std::move(name),
          .bytes = value.bytes,
          .kind = value.kind,
          .shape = value.shape,
          .dtype = value.dtype};
}

}  // namespace

RankOps::RankOps(const RankContext& context, RankWriter& writer)
    : context_(context), writer_(writer), position_(context.model.graph.values().size()) {
  for (std::size_t s = 0; s < context.model.sources.size(); ++s) {
    position_[context.model.sources[s].value] = s;
  }
}

ValueId RankOps::source(ValueId v, std::size_t micro_batch) {
  const std::size_t position = position_[v];
  const Source& source = context_.model.sources[position];
  const std::size_t of = source.is_given ? micro_batch : 0;
  if (const auto found = sources_.find({v, of}); found != sources_.end()) return found->second;
  const Value& value = context_.model.graph[v];
  RankSource origin{position, std::nullopt, true};
  if (source.is_given) origin.micro_batch = context_.global(of);
  const std::string name = source.is_given ? fmt::format("{}@{}", value.name, of) : value.name;
  const ValueId made =
      writer_.add_source(spec_of(value, name), context_.model.types[v], source, origin);
  sources_.emplace(std::pair(v, of), made);
  return made;
}

void RankOps::put(ValueId v, std::size_t micro_batch, std::size_t stage, ValueId received) {
  values_[{v, micro_batch, stage}] = received;
}

ValueId RankOps::at(ValueId v, std::size_t micro_batch, std::size_t stage) {
  const Value& value = context_.model.graph[v];
  if (value.is_source) return source(v, micro_batch);
  const auto found = values_.find({v, micro_batch, stage});
  if (found != values_.end()) return found->second;
  const std::size_t maker = context_.ops.maker(v).value();
  ROCKMATE_CHECK(maker != stage, value.name + " is read before it is made");
  if (value.storage == v) {
    // It comes through the neighbour, which is on this rank: else it would have been received.
    const std::size_t neighbour = maker < stage ? stage - 1 : stage + 1;
    ROCKMATE_CHECK(context_.is_here(neighbour), value.name + " is read before it is received");
    return at(v, micro_batch, neighbour);
  }
  const OpId op = value.producer.value();
  const StageAction action{StageVerb::kForward, static_cast<std::uint32_t>(stage),
                           static_cast<std::uint32_t>(micro_batch), 0};
  run(op, action);
  return values_.at({v, micro_batch, stage});
}

void RankOps::run(OpId op, const StageAction& action, std::optional<ValueId> addend) {
  const Kernel& kernel = context_.model.kernels[op];
  std::vector<ValueId> inputs;
  for (std::size_t i = 0; i + (context_.ops.is_apart(op) ? 1 : 0) < kernel.inputs.size(); ++i) {
    inputs.push_back(at(kernel.inputs[i], action.micro_batch, action.stage));
  }
  if (addend) inputs.push_back(*addend);
  const auto [found, is_new] = instances_.try_emplace({op, action.micro_batch, action.stage});
  auto& [instance, copies] = found->second;
  const bool is_held = std::any_of(instance.outputs.begin(), instance.outputs.end(),
                                   [this](ValueId v) { return held_.contains(v); });
  if (is_new || is_held || instance.inputs != inputs) {
    instance = make(op, action, std::move(inputs), addend.has_value(), copies++);
  }
  for (std::size_t i = 0; i < instance.outputs.size(); ++i) {
    put(kernel.outputs[i], action.micro_batch, action.stage, instance.outputs[i]);
  }
  writer_.run(instance.op, action);
}

Kernel RankOps::kernel_of(OpId op, std::size_t micro_batch) const {
  Kernel kernel = context_.model.kernels[op];
  const std::size_t number = context_.global(micro_batch);
  if (context_.ops.is_apart(op)) kernel.attributes.set("adds", false);
  if (is_seed(context_.model, op)) {
    const auto share = static_cast<double>(context_.all_micro_batches());
    kernel.attributes.set("value", kernel.attributes.real("value") / share);
  }
  if (kernel.kind == OpKind::kDropout && number > 0) {
    const auto each = element_count(context_.model.types[kernel.outputs.front()].shape);
    kernel.attributes.set("first", each * static_cast<std::int64_t>(number));
  }
  return kernel;
}

ValueId RankOps::make_output(const Kernel& kernel, ValueId v, ValueId first_input,
                             const std::string& suffix) {
  const Value& value = context_.model.graph[v];
  ValueSpec spec = spec_of(value, value.name + suffix);
  if (definition(kernel.kind).is_view) spec.alias_of = writer_.name(first_input);
  return writer_.add_value(std::move(spec), context_.model.types[v]);
}

RankOps::Instance RankOps::make(OpId op, const StageAction& action, std::vector<ValueId> inputs,
                                bool adds, std::size_t copy) {
  const Op& original = context_.model.graph[op];
  std::string suffix = fmt::format("@{}", action.micro_batch);
  if (context_.ops.stage_of(op) != action.stage) suffix += fmt::format(".at{}", action.stage);
  if (copy > 0) suffix += fmt::format(".again{}", copy);

  Kernel kernel = kernel_of(op, action.micro_batch);
  const std::vector<ValueId> old_inputs = kernel.inputs, old_outputs = kernel.outputs;
  if (adds) kernel.attributes.set("adds", true);
  Instance instance{{}, inputs, {}};
  for (const ValueId v : old_outputs) {
    instance.outputs.push_back(
        make_output(kernel, v, inputs.empty() ? ValueId() : inputs.front(), suffix));
  }
  const auto now = [&](ValueId old, const std::vector<ValueId>& from,
                       const std::vector<ValueId>& to) -> std::optional<ValueId> {
    const auto place =
        static_cast<std::size_t>(std::find(from.begin(), from.end(), old) - from.begin());
    return place < to.size() ? std::optional(to[place]) : std::nullopt;
  };
  kernel.inputs = std::move(inputs);
  kernel.outputs = instance.outputs;
  for (ValueId& v : kernel.updates) v = now(v, old_inputs, kernel.inputs).value();

  std::vector<InPlace> in_place;
  if (adds) in_place.push_back({kernel.outputs.front(), kernel.inputs.back()});
  for (const InPlace& pair : original.in_place) {
    const auto output = now(pair.output, old_outputs, kernel.outputs);
    const auto input = now(pair.input, old_inputs, kernel.inputs);
    if (!output || !input || (adds && *output == kernel.outputs.front())) continue;
    in_place.push_back({*output, *input});
  }
  OpSpec spec{.name = original.name + suffix,
              .phase = original.phase,
              .seconds = original.seconds(),
              .workspace = original.workspace(),
              .recomputable = original.recomputable};
  spec.implementations.assign(original.implementations.begin() + 1, original.implementations.end());
  for (const ValueId v : original.optional) {
    spec.optional.push_back(writer_.name(now(v, old_outputs, kernel.outputs).value()));
  }
  instance.op = writer_.add_op(std::move(spec), std::move(kernel), in_place);
  return instance;
}

}  // namespace rockmate
