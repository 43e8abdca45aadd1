#include "cli/block_summary.h"

#include <fmt/format.h>

#include "cli/table.h"
#include "graph/bundles.h"
#include "graph/chain.h"
#include "graph/cuts.h"
#include "graph/repeats.h"

namespace rockmate::cli {
namespace {

constexpr std::size_t kShownClasses = 12;

BlockClass describe(const TrainingGraph& graph, const Block& block) {
  BlockClass described;
  described.forward_ops = block.forward.size();
  described.backward_ops = block.backward.size();
  described.first = graph[block.forward.front()].name;
  for (const OpId op : block.forward) {
    described.seconds += graph[op].seconds();
    for (const ValueId value : graph[op].outputs) described.made += graph[value].bytes;
  }
  for (const OpId op : block.backward) described.seconds += graph[op].seconds();
  return described;
}

}  // namespace

BlockSummary summarize_blocks(const TrainingGraph& graph) {
  const std::vector<std::size_t> cuts = choose_cuts(graph);
  const Chain chain = cut_chain(graph, cuts);
  BlockSummary summary;
  summary.blocks = chain.blocks.size();
  if (chain.blocks.empty()) return summary;

  const Repeats repeats = find_repeats(graph, chain);
  for (const std::size_t block : repeats.representative) {
    summary.classes.push_back(describe(graph, chain.blocks[block]));
  }
  for (const std::size_t of : repeats.class_of) ++summary.classes[of].instances;

  const Bundles bundles(graph);
  const std::vector<OpId> forward = forward_part(graph);
  for (const std::size_t cut : cuts) {
    if (!summary.bundle_before.empty() && bundles.bytes(cut) <= summary.largest_bundle) continue;
    summary.largest_bundle = bundles.bytes(cut);
    summary.bundle_values = bundles.count(cut);
    summary.bundle_before = graph[forward[cut]].name;
  }
  return summary;
}

std::string blocks_table(const BlockSummary& summary) {
  std::string text = fmt::format("The chain, {}, {} of them distinct:\n\n",
                                 counted(summary.blocks, "block"), summary.classes.size());
  Table table("rrrrrl");
  table.row(
      {"blocks", "forward ops", "backward ops", "values made", "time", "the first begins at"});
  for (std::size_t i = 0; i < std::min(kShownClasses, summary.classes.size()); ++i) {
    const BlockClass& each = summary.classes[i];
    table.row({std::to_string(each.instances), std::to_string(each.forward_ops),
               std::to_string(each.backward_ops), to_string(each.made), to_string(each.seconds),
               each.first});
  }
  text += table.text();
  if (summary.classes.size() > kShownClasses) {
    text += fmt::format("  and {} more\n", summary.classes.size() - kShownClasses);
  }
  if (!summary.bundle_before.empty()) {
    text += fmt::format("\n  the largest bundle: {} in {}, across the cut before '{}'\n",
                        to_string(summary.largest_bundle), counted(summary.bundle_values, "value"),
                        summary.bundle_before);
  }
  return text;
}

}  // namespace rockmate::cli
