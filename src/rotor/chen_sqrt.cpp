#include "rotor/chen_sqrt.h"

#include "base/check.h"

namespace rockmate::rotor {

Runs chen_segments(const TrainingGraph& graph, const Chain& chain, const ChainCosts& costs,
                   std::size_t segments) {
  const std::size_t blocks = chain.blocks.size();
  ROCKMATE_CHECK(segments >= 1 && segments <= blocks);
  Runs runs;
  for (const Block& block : chain.blocks) {
    for (const OpId op : block.forward) runs.push_back({op});
  }
  for (std::size_t segment = segments; segment-- > 0;) {
    const std::size_t begin = segment * blocks / segments;
    const std::size_t end = (segment + 1) * blocks / segments;
    for (std::size_t b = begin; b < end && segment + 1 < segments; ++b) {
      for (const OpId op : chain.blocks[b].forward) {
        if (costs.runs_again(op)) runs.push_back({op});
      }
    }
    for (std::size_t b = end; b-- > begin;) {
      for (const OpId op : chain.blocks[b].backward) runs.push_back({op});
    }
  }
  for (const OpId op : chain.tail) runs.push_back({op});
  return without_idle_runs(graph, runs);
}

}  // namespace rockmate::rotor
