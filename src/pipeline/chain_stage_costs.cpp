#include "pipeline/chain_stage_costs.h"

#include <algorithm>

namespace rockmate {
namespace {

// Solved stages that are kept: each may take megabytes.
constexpr std::size_t kGlobalStages = 32;

// The candidate that is fastest when everything is kept.
const BlockCandidate& fastest(const StageBlock& block) {
  return *std::min_element(block.candidates.begin(), block.candidates.end(),
                           [](const BlockCandidate& x, const BlockCandidate& y) {
                             return x.forward + x.backward < y.forward + y.backward;
                           });
}

template <class Of>
Seconds sum(const StageChain& chain, StageRange range, Of of) {
  Seconds seconds;
  for (std::size_t s = range.first; s <= range.last; ++s) seconds += of(fastest(chain.blocks[s]));
  return seconds;
}

}  // namespace

ChainStageCosts::ChainStageCosts(StageModel model, std::size_t micro_batches, PipelineMethod method,
                                 double tolerance)
    : model_(std::move(model)),
      micro_batches_(micro_batches),
      method_(method),
      segments_(model_.chain(), tolerance),
      in_flight_(segments_) {}

Seconds ChainStageCosts::plain_forward(StageRange range) const {
  return sum(model_.chain(), range, [](const BlockCandidate& x) { return x.forward; });
}

Seconds ChainStageCosts::plain_backward(StageRange range) const {
  return sum(model_.chain(), range, [](const BlockCandidate& x) { return x.backward; });
}

Bytes ChainStageCosts::static_bytes(StageRange range) const {
  return model_.fixed(range).all(micro_batches_);
}

Seconds ChainStageCosts::update(StageRange range) const { return model_.fixed(range).update; }

Bytes ChainStageCosts::input_before(std::size_t s) const { return model_.chain().input_before(s); }

Bytes ChainStageCosts::gradient_before(std::size_t s) const {
  return model_.chain().gradient_before(s);
}

Seconds ChainStageCosts::least_seconds(StageRange range, std::size_t in_flight,
                                       Bytes memory) const {
  return in_flight_.least(range, in_flight, memory);
}

std::optional<Seconds> ChainStageCosts::estimate(const StageQuery& query) {
  return in_flight_.quick(query.range, query.in_flight, query.memory);
}

std::vector<StageStrategy> ChainStageCosts::strategies(const StageQuery& query) {
  return query.is_lifo ? lifo(query) : of_slots(query);
}

std::vector<StageStrategy> ChainStageCosts::of_slots(const StageQuery& query) {
  const auto plan = in_flight_.best(query.range, query.in_flight, query.memory);
  std::vector<StageStrategy> all;
  if (!plan) return all;
  for (const auto& steps : plan->slots) {
    all.push_back(strategies_of(model_.chain(), query.range, steps, query.weights).front());
  }
  return all;
}

const GlobalStage& ChainStageCosts::global(StageRange range, std::size_t micro_batches) {
  if (global_.size() >= kGlobalStages) global_.clear();
  return global_
      .try_emplace({range.first, range.last, micro_batches}, segments_, range, micro_batches)
      .first->second;
}

// Everything that the direct method and multisets of strategies can do, the global method can do as
// well; but its states are thinned, so it is held against both.
std::vector<StageStrategy> ChainStageCosts::lifo(const StageQuery& query) {
  std::optional<StagePlan> best;
  const auto offer = [&best](std::optional<StagePlan> plan) {
    if (plan && (!best || plan->seconds < best->seconds)) best = std::move(plan);
  };
  offer(plan_direct(segments_, query.range, query.in_flight, query.memory));
  if (method_ != PipelineMethod::kDirect) {
    offer(global(query.range, query.in_flight).plan(query.memory));
    const auto estimate = in_flight_.quick(query.range, query.in_flight, query.memory);
    const double slots = static_cast<double>(query.in_flight);
    if (estimate && (!best || estimate->count() * slots < best->seconds.count())) {
      return of_slots(query);
    }
  }
  if (!best) return {};
  return strategies_of(model_.chain(), query.range, best->steps);
}

}  // namespace rockmate
