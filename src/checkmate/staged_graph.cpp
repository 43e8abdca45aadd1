#include <algorithm>
#include <map>

#include "checkmate/staged_problem.h"
#include "schedule/runs.h"

namespace rockmate::checkmate {
namespace {

// Once a source has been updated, only ops after the update may read it.
std::size_t last_stage(const TrainingGraph& graph, const Op& op, std::size_t position) {
  std::size_t last = graph.ops().size();
  for (std::size_t u = position + 1; u < std::min(last, graph.ops().size()); ++u) {
    for (const ValueId source : graph[OpId(u)].updates) {
      const bool is_read = std::any_of(op.inputs.begin(), op.inputs.end(),
                                       [&](ValueId v) { return graph[v].storage == source; });
      if (is_read) last = u;
    }
  }
  return last;
}

// An optional output on which the same run puts a view has to be made with it.
bool may_be_skipped(const TrainingGraph& graph, const Op& op, ValueId v) {
  return op.is_optional(v) && std::none_of(op.outputs.begin(), op.outputs.end(), [&](ValueId w) {
           return w != v && graph[w].storage == v;
         });
}

}  // namespace

StagedProblem staged_graph(const TrainingGraph& graph) {
  StagedProblem problem;
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const Value& value = graph[ValueId(i)];
    problem.storages.push_back({value.is_source ? 0 : value.bytes.count()});
    problem.values.push_back({.storage = value.storage.index()});
  }
  for (std::size_t o = 0; o < graph.ops().size(); ++o) {
    const Op& op = graph[OpId(o)];
    Step step{op.seconds().count(), op.workspace().count()};
    step.fixed = step.workspace;
    if (op.recomputable) step.again_to = last_stage(graph, op, o);
    const auto make = [&](ValueId v) {
      problem.values[v.index()].made = o;
      step.makes.push_back(v.index());
    };
    const auto read = [&](ValueId v) {
      if (graph[v].is_source) return;
      problem.values[v.index()].reads.push_back(o);
      step.reads.push_back(v.index());
    };
    for (const ValueId v : op.needs) read(v);
    for (const ValueId v : op.outputs) {
      make(v);
      problem.values[v.index()].is_optional = may_be_skipped(graph, op, v);
    }
    for (const ValueId v : op.accumulates) {
      graph[v].contributors.front() == OpId(o) ? make(v) : read(v);
    }
    for (const InPlace& pair : take_overs(graph, OpId(o))) {
      step.take_over.emplace_back(pair.output.index(), pair.input.index());
    }
    problem.steps.push_back(std::move(step));
  }
  Step end;
  for (const ValueId v : graph.results()) {
    if (graph[v].is_source) continue;
    problem.values[v.index()].reads.push_back(problem.steps.size());
    end.reads.push_back(v.index());
  }
  problem.steps.push_back(std::move(end));
  return problem;
}

}  // namespace rockmate::checkmate
