#include "graph/chain.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace rockmate {
namespace {

// For each op of the rest, how many forward ops it and all after it depend on: values made by the
// first `reach` forward ops are all that is still read.
std::vector<std::size_t> reaches(const TrainingGraph& graph, std::size_t forward_size) {
  std::vector<std::size_t> reach(graph.ops().size() - forward_size);
  std::size_t far = 0;
  for (std::size_t o = graph.ops().size(); o-- > forward_size;) {
    for (const ValueId v : graph[OpId(o)].needs) {
      const Value& value = graph[v];
      if (value.is_result || !value.producer) continue;  // results stay; they do not tie a block
      if (value.producer->index() < forward_size) far = std::max(far, value.producer->index() + 1);
    }
    reach[o - forward_size] = far;
  }
  return reach;
}

}  // namespace

std::vector<OpId> forward_part(const TrainingGraph& graph) {
  std::vector<OpId> forward;
  for (std::size_t o = 0; o < graph.ops().size(); ++o) {
    const Phase phase = graph[OpId(o)].phase;
    if (phase == Phase::kLoss || phase == Phase::kBackward) break;
    forward.push_back(OpId(o));
  }
  return forward;
}

Chain cut_chain(const TrainingGraph& graph, const std::vector<std::size_t>& cuts) {
  const std::vector<OpId> forward = forward_part(graph);
  Chain chain;
  if (forward.empty()) {
    for (std::size_t o = 0; o < graph.ops().size(); ++o) chain.tail.push_back(OpId(o));
    return chain;
  }
  std::vector<std::size_t> begins = {0};
  for (const std::size_t cut : cuts) {
    ROCKMATE_CHECK(cut > begins.back() && cut < forward.size());
    begins.push_back(cut);
  }
  chain.blocks.resize(begins.size());
  const auto block_of = [&](std::size_t position) {
    return static_cast<std::size_t>(std::upper_bound(begins.begin(), begins.end(), position) -
                                    begins.begin() - 1);
  };
  for (std::size_t k = 0; k < forward.size(); ++k) {
    chain.blocks[block_of(k)].forward.push_back(forward[k]);
  }
  const std::vector<std::size_t> reach = reaches(graph, forward.size());
  for (std::size_t k = 0; k < reach.size(); ++k) {
    const OpId op(forward.size() + k);
    auto& place = reach[k] == 0 ? chain.tail : chain.blocks[block_of(reach[k] - 1)].backward;
    place.push_back(op);
  }
  return chain;
}

Chain finest_chain(const TrainingGraph& graph) {
  const std::size_t size = forward_part(graph).size();
  std::vector<std::size_t> cuts(size > 0 ? size - 1 : 0);
  std::iota(cuts.begin(), cuts.end(), std::size_t{1});
  return cut_chain(graph, cuts);
}

}  // namespace rockmate
