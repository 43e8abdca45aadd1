#include "cli/inspection.h"

#include <fmt/format.h>

#include "base/check.h"
#include "cli/table.h"

namespace rockmate::cli {
namespace {

std::string ops_table(const Inspection& inspection) {
  Table table("lrrr");
  table.row({"phase", "ops", "may run again", "time"});
  for (const auto& [phase, totals] : inspection.ops) {
    table.row({std::string(to_string(phase)), std::to_string(totals.count),
               std::to_string(totals.recomputable), to_string(totals.seconds)});
  }
  return table.text();
}

std::string values_by_kind(const Inspection& inspection) {
  Table table("lrr");
  table.row({"kind", "values", "bytes, if all were kept"});
  for (const auto& [kind, totals] : inspection.values) {
    table.row({plural(kind), std::to_string(totals.count), to_string(totals.bytes)});
  }
  return table.text();
}

void add_forward_rows(const Inspection& inspection, Table& figures) {
  if (!inspection.forward) return;
  const ForwardFigures& forward = *inspection.forward;
  figures.row(
      {"parameters", to_string(forward.parameter_bytes),
       fmt::format("{} numbers, {} bytes", forward.parameters, forward.parameter_bytes.count())});
  figures.row({"forward pass", fmt::format("{:.4g} GFLOP", forward.flops / 1e9),
               "a multiplication with an addition counts two"});
}

}  // namespace

Inspection inspect(const Model& model) {
  const TrainingGraph& graph = model.graph;
  const Schedule plain = plain_schedule(graph);
  const auto trace = simulate(graph, plain);
  ROCKMATE_CHECK(trace.has_value(), trace.error().message);
  Inspection inspection{graph,
                        model.forward,
                        {},
                        {},
                        trace->peak,
                        peak_moment(graph, plain, *trace),
                        memory_floor(graph),
                        summarize_blocks(graph)};
  for (const Op& op : graph.ops()) {
    OpTotals& totals = inspection.ops[op.phase];
    ++totals.count;
    totals.recomputable += op.recomputable ? 1 : 0;
    totals.seconds += op.seconds();
  }
  for (const Value& value : graph.values()) {
    ValueTotals& totals = inspection.values[value.kind];
    ++totals.count;
    totals.bytes += value.bytes;
  }
  return inspection;
}

std::string report(const Inspection& inspection) {
  const TrainingGraph& graph = inspection.graph;
  Table figures("lrl");
  add_forward_rows(inspection, figures);
  figures.row({"plain iteration", to_string(graph.plain_seconds())});
  figures.row({"static bytes", to_string(graph.static_bytes()),
               fmt::format("{} bytes, in every budget", graph.static_bytes().count())});
  figures.row(
      {"plain peak", to_string(inspection.plain_peak),
       fmt::format("{} bytes", inspection.plain_peak.count()) +
           (inspection.plain.op ? fmt::format(", while '{}' runs", graph[*inspection.plain.op].name)
                                : "")});
  figures.row(
      {"memory floor", to_string(inspection.floor.bytes),
       fmt::format("{} bytes, no plan exists below", inspection.floor.bytes.count()) +
           (inspection.floor.op ? fmt::format(", forced by '{}'", graph[*inspection.floor.op].name)
                                : "")});
  return fmt::format("{}: {}, {}\n\n{}\n{}\n{}\nThe plain peak:\n\n{}\n{}", graph.name(),
                     counted(graph.ops().size(), "op"), counted(graph.values().size(), "value"),
                     figures.text(), ops_table(inspection), values_by_kind(inspection),
                     kinds_table(inspection.plain, inspection.plain_peak),
                     blocks_table(inspection.blocks));
}

nlohmann::ordered_json to_json(const Inspection& inspection) {
  const TrainingGraph& graph = inspection.graph;
  nlohmann::ordered_json object;
  object["name"] = graph.name();
  for (const auto& [phase, totals] : inspection.ops) {
    object["ops"][std::string(to_string(phase))] = {{"count", totals.count},
                                                    {"recomputable", totals.recomputable},
                                                    {"seconds", totals.seconds.count()}};
  }
  for (const auto& [kind, totals] : inspection.values) {
    object["values"][std::string(to_string(kind))] = {{"count", totals.count},
                                                      {"bytes", totals.bytes.count()}};
  }
  if (inspection.forward) {
    object["parameters"] = inspection.forward->parameters;
    object["parameter_bytes"] = inspection.forward->parameter_bytes.count();
    object["forward_flops"] = inspection.forward->flops;
  }
  object["static_bytes"] = graph.static_bytes().count();
  object["plain_peak_bytes"] = inspection.plain_peak.count();
  object["plain_peak_op"] = nullptr;
  if (inspection.plain.op) object["plain_peak_op"] = graph[*inspection.plain.op].name;
  object["floor_bytes"] = inspection.floor.bytes.count();
  object["floor_op"] = nullptr;
  if (inspection.floor.op) object["floor_op"] = graph[*inspection.floor.op].name;
  object["plain_seconds"] = graph.plain_seconds().count();
  object["blocks"] = inspection.blocks.blocks;
  object["distinct_blocks"] = nlohmann::ordered_json::array();
  for (const BlockClass& each : inspection.blocks.classes) {
    object["distinct_blocks"].push_back({{"instances", each.instances},
                                         {"forward_ops", each.forward_ops},
                                         {"backward_ops", each.backward_ops},
                                         {"bytes", each.made.count()},
                                         {"seconds", each.seconds.count()}});
  }
  object["largest_bundle_bytes"] = inspection.blocks.largest_bundle.count();
  return object;
}

}  // namespace rockmate::cli
