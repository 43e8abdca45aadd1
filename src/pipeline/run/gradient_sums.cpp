#include "pipeline/run/gradient_sums.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "graph/op_table.h"

namespace rockmate {

GradientSums::GradientSums(const RankContext& context, RankWriter& writer)
    : context_(context), writer_(writer) {
  for (const auto& parts : context.ops.parts()) {
    for (const GradientPart& part : parts) {
      if (context.is_here(part.stage)) sums_[part.value].stage = part.stage;
    }
  }
  for (const StageAction& a : context.pipeline.rows[context.place.rank]) {
    if (a.verb == StageVerb::kBackward || a.verb == StageVerb::kInputGradient) {
      order_[a.stage].push_back(a.micro_batch);
    }
  }
  for (const PipelineRow& row : context.pipeline.rows) {
    is_split_ = is_split_ || std::any_of(row.begin(), row.end(), [](const StageAction& a) {
                  return a.verb == StageVerb::kInputGradient;
                });
  }
}

const GradientSums::Sum* GradientSums::find(OpId op) const {
  for (const ValueId v : context_.model.kernels[op].outputs) {
    if (const auto found = sums_.find(v); found != sums_.end()) return &found->second;
  }
  return nullptr;
}

// Where weight gradients run late their order may be another one than that of the sum.
std::optional<ValueId> GradientSums::addend(OpId op, const StageAction& action) const {
  const Kernel& kernel = context_.model.kernels[op];
  const bool adds_already = kernel.attributes.flag("adds") && !context_.ops.is_apart(op);
  if (is_split_ || !definition(kernel.kind).adds || adds_already) return std::nullopt;
  const ValueId made = kernel.outputs.front();
  const auto found = sums_.find(made);
  if (found == sums_.end() || !found->second.value) return std::nullopt;
  const auto& readers = context_.model.graph[made].readers;
  const bool is_read = std::any_of(readers.begin(), readers.end(), [&](OpId reader) {
    return context_.ops.stage_of(reader) && !context_.ops.is_apart(reader);
  });
  if (is_read || order_.at(action.stage)[found->second.added] != action.micro_batch) {
    return std::nullopt;
  }
  return found->second.value;
}

void GradientSums::add(OpId op, const StageAction& action, RankOps& ops, bool with_addend) {
  for (const ValueId v : context_.model.kernels[op].outputs) {
    const auto found = sums_.find(v);
    if (found == sums_.end()) continue;
    Sum& sum = found->second;
    const ValueId made = ops.at(v, action.micro_batch, action.stage);
    if (with_addend) {
      sum.value = made;
      ++sum.added;
      continue;
    }
    sum.waiting[action.micro_batch] = made;
    const std::vector<std::size_t>& order = order_.at(sum.stage);
    while (sum.added < order.size() && sum.waiting.contains(order[sum.added])) {
      const std::size_t k = order[sum.added++];
      const ValueId next = sum.waiting.at(k);
      sum.waiting.erase(k);
      const std::string name = fmt::format("{}.sum@{}", context_.model.graph[v].name, k);
      sum.value = sum.value ? add_up(name, *sum.value, next, action) : next;
    }
  }
}

ValueId GradientSums::sum(std::size_t trained, std::size_t part) const {
  const Sum& sum = sums_.at(context_.ops.parts()[trained][part].value);
  ROCKMATE_CHECK(sum.value && sum.waiting.empty() && sum.added == order_.at(sum.stage).size());
  return *sum.value;
}

ValueId GradientSums::add_up(const std::string& name, ValueId left, ValueId right,
                             const std::optional<StageAction>& action) {
  const TensorType type = writer_.type(left);
  const ValueId sum = writer_.add_value({.name = name,
                                         .bytes = aligned(type.bytes()),
                                         .kind = ValueKind::kParameterGradient,
                                         .shape = type.shape,
                                         .dtype = std::string(to_string(type.dtype))},
                                        type);
  const OpId op = writer_.add_op(
      {.name = name, .phase = Phase::kBackward, .seconds = Seconds(0), .recomputable = false},
      {.kind = OpKind::kAdd,
       .attributes = {},
       .inputs = {left, right},
       .outputs = {sum},
       .updates = {},
       .node = {}},
      {{sum, left}});
  writer_.run(op, action);
  return sum;
}

}  // namespace rockmate
