#include "pipeline/run/rank_writer.h"

#include <algorithm>

#include "graph/op_table.h"

namespace rockmate {
namespace {

bool contains(const std::vector<ValueId>& list, ValueId v) {
  return std::find(list.begin(), list.end(), v) != list.end();
}

}  // namespace

ValueId RankWriter::add_value(ValueSpec spec, TensorType type) {
  const ValueId id(names_.size());
  names_.push_back(spec.name);
  types_.push_back(std::move(type));
  is_source_.push_back(0);
  builder_.value(std::move(spec));
  return id;
}

ValueId RankWriter::add_source(ValueSpec spec, TensorType type, Source source, RankSource origin) {
  const ValueId id = add_value(std::move(spec), std::move(type));
  is_source_[id] = 1;
  source.value = id;
  sources_.push_back(std::move(source));
  origins_.push_back(origin);
  return id;
}

OpId RankWriter::add_op(OpSpec spec, Kernel kernel, const std::vector<InPlace>& in_place) {
  const OpId id(kernels_.size());
  for (const ValueId v : kernel.inputs) spec.inputs.push_back(names_[v]);
  for (const ValueId v : kernel.outputs) spec.outputs.push_back(names_[v]);
  for (const ValueId v : kernel.updates) spec.updates.push_back(names_[v]);
  for (const InPlace& pair : in_place) {
    if (is_source_[pair.input] != 0 || !contains(kernel.inputs, pair.input)) continue;
    spec.in_place.emplace_back(names_[pair.output], names_[pair.input]);
  }
  const bool computes = !is_communication(kernel.kind) && !definition(kernel.kind).is_view;
  if (workspace_ && computes) {
    KernelSpec asked{spec.name, kernel, {}, {}};
    for (const ValueId v : kernel.inputs) asked.inputs.push_back(types_[v]);
    for (const ValueId v : kernel.outputs) asked.outputs.push_back(types_[v]);
    const Bytes least = aligned(workspace_(asked));
    spec.workspace = std::max(spec.workspace, least);
    for (Implementation& each : spec.implementations) {
      each.workspace = std::max(each.workspace, least);
    }
  }
  builder_.op(std::move(spec));
  kernels_.push_back(std::move(kernel));
  return id;
}

void RankWriter::run(OpId op, const std::optional<StageAction>& action) {
  runs_.push_back({op});
  actions_.push_back(action);
}

void RankWriter::add_loss(ValueId v, double weight) {
  add_result(v);
  losses_.push_back({v, weight});
}

RankModel RankWriter::finish() && {
  return {.model = {.graph = std::move(builder_).build(),
                    .kernels = std::move(kernels_),
                    .types = std::move(types_),
                    .sources = std::move(sources_),
                    .trained = std::move(trained_),
                    .losses = std::move(losses_)},
          .runs = std::move(runs_),
          .actions = std::move(actions_),
          .sources = std::move(origins_)};
}

}  // namespace rockmate
