#include "graph/chain.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace rockmate {
namespace {

// The number of forward ops that must have run before the value can be read; 0 if it is a source
// or not made in the forward part.
std::size_t depth(const Value& value, std::size_t forward_size) {
  std::size_t last = 0;
  if (value.producer) last = value.producer->index() + 1;
  if (!value.contributors.empty()) last = value.contributors.back().index() + 1;
  return last <= forward_size ? last : 0;
}

// An update that reads nothing of the forward part could stand in the block of the op before it or
// of the op after it. It stays with the ops that made its gradients, if they came just before:
// otherwise every block would begin with the updates of its neighbour, and equal layers would
// differ at the ends of the chain.
void join_updates(const TrainingGraph& graph, std::size_t forward_size,
                  std::vector<std::size_t>& reach) {
  for (std::size_t k = 1; k < reach.size(); ++k) {
    const Op& op = graph[OpId(forward_size + k)];
    if (op.phase != Phase::kUpdate) continue;
    std::size_t made = 0;  // by this op of the rest, plus one
    bool reads_forward = false;
    for (const ValueId v : op.needs) {
      const Value& value = graph[v];
      reads_forward = reads_forward || depth(value, forward_size) > 0;
      const auto is_made_by = [&](OpId maker) {
        if (maker.index() >= forward_size) made = std::max(made, maker.index() - forward_size + 1);
      };
      if (value.producer) is_made_by(*value.producer);
      if (!value.contributors.empty()) is_made_by(value.contributors.back());
    }
    if (!reads_forward && made > 0 && reach[made - 1] == reach[k - 1]) reach[k] = reach[k - 1];
  }
}

}  // namespace

std::vector<std::size_t> backward_reach(const TrainingGraph& graph) {
  const std::size_t forward_size = forward_part(graph).size();
  std::vector<std::size_t> reach(graph.ops().size() - forward_size);
  std::size_t far = 0;
  for (std::size_t o = graph.ops().size(); o-- > forward_size;) {
    for (const ValueId v : graph[OpId(o)].needs) {
      const Value& value = graph[v];
      // Results stay; they do not tie a block.
      if (!value.is_result) far = std::max(far, depth(value, forward_size));
    }
    reach[o - forward_size] = far;
  }
  join_updates(graph, forward_size, reach);
  return reach;
}

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
  const std::vector<std::size_t> reach = backward_reach(graph);
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
