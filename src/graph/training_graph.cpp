#include "rockmate/training_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

namespace rockmate {
namespace {

struct PhaseName {
  Phase phase;
  std::string_view word;
};
constexpr PhaseName kPhases[] = {{Phase::kForward, "forward"},
                                 {Phase::kLoss, "loss"},
                                 {Phase::kBackward, "backward"},
                                 {Phase::kUpdate, "update"}};

struct KindName {
  ValueKind kind;
  std::string_view word;
};
constexpr KindName kKinds[] = {{ValueKind::kInput, "input"},
                               {ValueKind::kParameter, "parameter"},
                               {ValueKind::kActivation, "activation"},
                               {ValueKind::kGradient, "gradient"},
                               {ValueKind::kParameterGradient, "parameter_gradient"},
                               {ValueKind::kOptimizerState, "optimizer_state"},
                               {ValueKind::kStatistics, "statistics"},
                               {ValueKind::kLoss, "loss"}};

}  // namespace

std::string_view to_string(Phase phase) {
  return std::find_if(std::begin(kPhases), std::end(kPhases),
                      [&](const PhaseName& p) { return p.phase == phase; })
      ->word;
}

std::string_view to_string(ValueKind kind) {
  return std::find_if(std::begin(kKinds), std::end(kKinds),
                      [&](const KindName& k) { return k.kind == kind; })
      ->word;
}

std::optional<Phase> parse_phase(std::string_view word) {
  for (const PhaseName& p : kPhases) {
    if (p.word == word) return p.phase;
  }
  return std::nullopt;
}

std::optional<ValueKind> parse_value_kind(std::string_view word) {
  for (const KindName& k : kKinds) {
    if (k.word == word) return k.kind;
  }
  return std::nullopt;
}

bool Op::is_optional(ValueId output) const {
  return std::find(optional.begin(), optional.end(), output) != optional.end();
}

std::optional<ValueId> TrainingGraph::find_value(std::string_view name) const {
  const auto it = value_by_name_.find(std::string(name));
  return it == value_by_name_.end() ? std::nullopt : std::optional(it->second);
}

std::optional<OpId> TrainingGraph::find_op(std::string_view name) const {
  const auto it = op_by_name_.find(std::string(name));
  return it == op_by_name_.end() ? std::nullopt : std::optional(it->second);
}

std::ostream& operator<<(std::ostream& out, const TrainingGraph& graph) {
  const auto names = [&](const std::vector<ValueId>& ids) {
    std::string text;
    for (const ValueId v : ids) text += (text.empty() ? "" : ", ") + graph[v].name;
    return text;
  };
  out << fmt::format("graph {}: {} ops, {} values, {} static\n", graph.name(), graph.ops().size(),
                     graph.values().size(), to_string(graph.static_bytes()));
  for (const Op& op : graph.ops()) {
    out << fmt::format("  {:8} {}({}) -> {}", to_string(op.phase), op.name, names(op.inputs),
                       names(op.outputs));
    if (!op.accumulates.empty()) out << " += " << names(op.accumulates);
    if (!op.updates.empty()) out << " := " << names(op.updates);
    out << fmt::format("  {}", to_string(op.seconds()));
    if (op.workspace() > Bytes()) out << ", workspace " << op.workspace();
    out << '\n';
  }
  return out;
}

}  // namespace rockmate
