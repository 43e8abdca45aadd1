#include "exec/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/check.h"
#include "base/shown.h"
#include "graph/op_table.h"

namespace rockmate {
namespace {

[[noreturn]] void refuse(const TrainingModel& model, const std::string& why) {
  throw InvalidInput(fmt::format("plan for '{}': {}", shown(model.graph.name()), why));
}

void check(const TrainingModel& model, const Plan& plan) {
  const TrainingGraph& graph = model.graph;
  if (plan.graph != graph.name()) {
    refuse(model, fmt::format("it was made for the graph '{}'", shown(plan.graph)));
  }
  if (!plan.layout) {
    refuse(model, "it has no layout, and without addresses nothing can run; plan with a layout");
  }
  const auto trace = simulate(graph, plan.schedule);
  if (!trace) refuse(model, trace.error().message);
  if (const auto broken = check_layout(graph, *trace, *plan.layout)) refuse(model, broken->message);
  const Bytes needed = std::max(trace->peak, trace->static_bytes + plan.layout->arena_bytes);
  if (needed > plan.budget) {
    refuse(model,
           fmt::format("it needs {} bytes, its budget is {}", needed.count(), plan.budget.count()));
  }
  for (const LayoutRow& row : plan.layout->rows) {
    if (row.offset == aligned(row.offset)) continue;
    refuse(model, fmt::format("layout: the offset {} of action {} is no multiple of {}",
                              row.offset.count(), row.first, kAlignment.count()));
  }
  for (const Op& op : graph.ops()) {
    if (op.accumulates.empty()) continue;
    refuse(model,
           fmt::format("op '{}' accumulates, which no kernel does; sums are ops of their own",
                       shown(op.name)));
  }
}

// Follows the storages through the schedule, whose rules have been checked.
class Resolver {
 public:
  Resolver(const TrainingModel& model, const Plan& plan, const SourcePlaces* elsewhere)
      : model_(model), graph_(model.graph), place_(graph_.values().size()) {
    program_.rows = plan.layout->rows;
    add_sources(elsewhere);
    for (LayoutRow& row : program_.rows) {
      row.offset += program_.static_bytes;
      (row.is_workspace ? workspace_ : storage_)[{row.first, key(row)}] = row.offset;
    }
    program_.bytes = program_.static_bytes + plan.layout->arena_bytes;
  }

  Program run(const Schedule& schedule) && {
    for (now_ = 0; now_ < schedule.size(); ++now_) {
      if (const auto* free = std::get_if<Free>(&schedule[now_])) {
        drop(free->value);
      } else {
        compute(std::get<Compute>(schedule[now_]));
      }
    }
    program_.at_end = place_;
    return std::move(program_);
  }

 private:
  using Key = std::pair<std::size_t, ValueId>;  // the first action of a row and its value
  static ValueId key(const LayoutRow& row) { return row.is_workspace ? ValueId() : row.value; }

  void add_sources(const SourcePlaces* elsewhere) {
    Bytes end;
    for (std::size_t i = 0; i < graph_.values().size(); ++i) {
      const ValueId v(i);
      if (!graph_[v].is_source) continue;
      place_[v] =
          elsewhere != nullptr ? elsewhere->places[v].value() : Place{end, model_.types[v].bytes()};
      owner_[v] = place_[v]->offset;
      users_[v] = 1;  // for good
      end += graph_[v].bytes;
    }
    ROCKMATE_CHECK(end == graph_.static_bytes() && end == aligned(end));
    program_.static_bytes = elsewhere != nullptr ? elsewhere->end : end;
    program_.sources = place_;
  }

  void make(ValueId v) {
    if (place_[v]) return;
    const ValueId root = graph_[v].storage;
    if (!owner_.contains(root)) {
      const auto row = storage_.find({now_, root});
      ROCKMATE_CHECK(row != storage_.end() || graph_[root].bytes == Bytes());
      owner_[root] = row == storage_.end() ? Bytes() : row->second;
      users_[root] = 0;
    }
    ++users_[root];
    place_[v] = {owner_.at(root), model_.types[v].bytes()};
  }

  void drop(ValueId v) {
    place_[v].reset();
    const ValueId root = graph_[v].storage;
    if (--users_.at(root) > 0) return;
    owner_.erase(root);
    users_.erase(root);
  }

  void take_over(ValueId output, ValueId input) {
    const ValueId root = graph_[input].storage;
    owner_[output] = owner_.at(root);
    users_[output] = 1;
    owner_.erase(root);
    users_.erase(root);
    place_[output] = {owner_.at(output), model_.types[output].bytes()};
    place_[input].reset();
  }

  void compute(const Compute& action) {
    const Kernel& kernel = model_.kernels[action.op];
    ProgramStep step{now_, action.op, definition(kernel.kind).is_view, {}, {}, {}, {}};
    for (const ValueId v : kernel.inputs) step.inputs.push_back(place_[v].value());
    for (const ValueId v : kernel.updates) step.updates.push_back(place_[v].value());
    for (const InPlace& pair : graph_[action.op].in_place) {
      const auto& chosen = action.in_place;
      if (std::find(chosen.begin(), chosen.end(), pair.output) == chosen.end()) continue;
      take_over(pair.output, pair.input);
    }
    for (const ValueId v : kernel.outputs) {
      const bool is_skipped =
          std::find(action.skip.begin(), action.skip.end(), v) != action.skip.end();
      if (!is_skipped) make(v);
      step.outputs.push_back(is_skipped ? std::nullopt : place_[v]);
    }
    const auto row = workspace_.find({now_, ValueId()});
    if (row != workspace_.end()) {
      const Op& op = graph_[action.op];
      step.workspace = {row->second, op.implementations[action.implementation].workspace};
    }
    program_.steps.push_back(std::move(step));
  }

  const TrainingModel& model_;
  const TrainingGraph& graph_;
  IdVector<ValueId, std::optional<Place>> place_;  // of the resident values
  std::map<ValueId, Bytes> owner_;                 // where each storage lies
  std::map<ValueId, std::size_t> users_;           // resident values on it
  std::map<Key, Bytes> storage_, workspace_;       // offsets of the rows
  std::size_t now_ = 0;
  Program program_;
};

}  // namespace

Program resolve(const TrainingModel& model, const Plan& plan, const SourcePlaces* elsewhere) {
  check(model, plan);
  return Resolver(model, plan, elsewhere).run(plan.schedule);
}

}  // namespace rockmate
