#include "graph/dot.h"

#include <fmt/format.h>

#include <string_view>

namespace rockmate {
namespace {

// Inside double quotes Graphviz reads \" as a quote and \n, \l, \N, ... as escapes of its own.
std::string escape(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (c == '\n') {
      text += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      text += ' ';
    } else {
      text += c;
    }
  }
  return text;
}

std::string_view color(Phase phase) {
  switch (phase) {
    case Phase::kForward:
      return "lightblue";
    case Phase::kLoss:
      return "gold";
    case Phase::kBackward:
      return "lightsalmon";
    case Phase::kUpdate:
      return "palegreen";
  }
  return "white";
}

void add_node(std::string& dot, const TrainingGraph& graph, OpId id, std::string_view indent) {
  const Op& op = graph[id];
  std::string label = escape(op.name) + "\\n" + to_string(op.seconds());
  if (op.workspace() > Bytes()) label += ", workspace " + to_string(op.workspace());
  dot += fmt::format("{}op{} [label=\"{}\", fillcolor={}];\n", indent, id.index(), label,
                     color(op.phase));
}

void add_edges(std::string& dot, const TrainingGraph& graph) {
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const Value& value = graph[ValueId(i)];
    std::vector<OpId> makers = value.contributors;
    if (value.producer) makers.push_back(*value.producer);
    const std::string label =
        escape(value.name) + "\\n" + to_string(graph.storage_bytes(ValueId(i)));
    for (const OpId maker : makers) {
      for (const OpId reader : value.readers) {
        dot += fmt::format("  op{} -> op{} [label=\"{}\"{}];\n", maker.index(), reader.index(),
                           label, value.viewed ? ", style=dashed" : "");
      }
    }
  }
}

void add_cluster(std::string& dot, const TrainingGraph& graph, std::size_t block,
                 std::string_view part, const std::vector<OpId>& ops) {
  if (ops.empty()) return;
  dot += fmt::format("  subgraph cluster_{0}_{1} {{\n    label=\"block {1} {0}\";\n", part, block);
  for (const OpId op : ops) add_node(dot, graph, op, "    ");
  dot += "  }\n";
}

std::string head(const TrainingGraph& graph) {
  return fmt::format(
      "digraph \"{}\" {{\n  node [shape=box, style=filled];\n  edge [fontsize=10];\n",
      escape(graph.name()));
}

}  // namespace

std::string graph_dot(const TrainingGraph& graph) {
  std::string dot = head(graph);
  for (std::size_t o = 0; o < graph.ops().size(); ++o) add_node(dot, graph, OpId(o), "  ");
  add_edges(dot, graph);
  return dot + "}\n";
}

std::string graph_dot(const TrainingGraph& graph, const Chain& chain) {
  std::string dot = head(graph);
  for (std::size_t b = 0; b < chain.blocks.size(); ++b) {
    add_cluster(dot, graph, b, "forward", chain.blocks[b].forward);
    add_cluster(dot, graph, b, "backward", chain.blocks[b].backward);
  }
  for (const OpId op : chain.tail) add_node(dot, graph, op, "  ");
  add_edges(dot, graph);
  return dot + "}\n";
}

}  // namespace rockmate
