#include "cli/memory_tables.h"

#include <algorithm>

#include "cli/table.h"

namespace rockmate::cli {
namespace {

constexpr std::size_t kShownValues = 8;

std::string share_of(Bytes part, Bytes whole) {
  return whole == Bytes()
             ? ""
             : percent(static_cast<double>(part.count()) / static_cast<double>(whole.count()));
}

std::string made_by(const TrainingGraph& graph, ValueId value) {
  if (graph[value].producer) return "made by " + graph[*graph[value].producer].name;
  if (graph[value].contributors.empty()) return "";
  return "summed from " + graph[graph[value].contributors.front()].name + " on";
}

}  // namespace

std::string plural(ValueKind kind) {
  switch (kind) {
    case ValueKind::kInput:
      return "inputs";
    case ValueKind::kParameter:
      return "parameters";
    case ValueKind::kActivation:
      return "activations";
    case ValueKind::kGradient:
      return "gradients";
    case ValueKind::kParameterGradient:
      return "parameter gradients";
    case ValueKind::kOptimizerState:
      return "optimizer state";
    case ValueKind::kStatistics:
      return "statistics";
    case ValueKind::kLoss:
      return "losses";
  }
  return std::string(to_string(kind));
}

PeakMoment peak_moment(const TrainingGraph& graph, const Schedule& schedule,
                       const MemoryTrace& trace) {
  PeakMoment moment;
  for (const Value& value : graph.values()) {
    if (value.is_source && value.bytes > Bytes()) moment.static_by_kind[value.kind] += value.bytes;
  }
  if (!trace.peak_action) return moment;
  const std::size_t now = *trace.peak_action;
  moment.op = std::get<Compute>(schedule[now]).op;
  for (const StorageLifetime& lifetime : trace.lifetimes) {
    if (lifetime.first > now || lifetime.last < now) continue;
    moment.made_by_kind[graph[lifetime.value].kind] += lifetime.bytes;
    moment.made.push_back(lifetime);
  }
  for (const WorkspaceUse& use : trace.workspaces) {
    if (use.action == now) moment.workspace = use.bytes;
  }
  std::stable_sort(moment.made.begin(), moment.made.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  return moment;
}

std::string kinds_table(const PeakMoment& moment, Bytes peak) {
  Table table("lrrl");
  for (const auto& [kind, bytes] : moment.static_by_kind) {
    table.row({plural(kind), to_string(bytes), share_of(bytes, peak), "static"});
  }
  for (const auto& [kind, bytes] : moment.made_by_kind) {
    table.row({plural(kind), to_string(bytes), share_of(bytes, peak)});
  }
  if (moment.workspace > Bytes()) {
    table.row({"workspace", to_string(moment.workspace), share_of(moment.workspace, peak)});
  }
  table.row({"in all", to_string(peak), share_of(peak, peak)});
  return table.text();
}

std::string values_table(const TrainingGraph& graph, const PeakMoment& moment, Bytes peak) {
  Table table("lrrl");
  for (std::size_t i = 0; i < std::min(kShownValues, moment.made.size()); ++i) {
    const StorageLifetime& row = moment.made[i];
    table.row({graph[row.value].name, to_string(row.bytes), share_of(row.bytes, peak),
               made_by(graph, row.value)});
  }
  std::string text = table.text();
  if (moment.made.size() > kShownValues) {
    text += "  and " + counted(moment.made.size() - kShownValues, "smaller one") + "\n";
  }
  return text;
}

}  // namespace rockmate::cli
