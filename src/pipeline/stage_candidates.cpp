// A large block of a stage's chain is a stage of its own chain of parts: with T transient bytes at
// hand, the recursion says for every number of saved bytes what its parts do (`Rest` with an end
// that needs T bytes; in_flight.cpp). Its plans, written as ops, are the candidates. T runs over a
// coarse geometric grid, and of each staircase a few points are taken.

#include "pipeline/stage_candidates.h"

#include <algorithm>

#include "graph/cuts.h"
#include "graph/repeats.h"
#include "pipeline/block_costs.h"
#include "pipeline/in_flight.h"
#include "pipeline/thinning.h"

namespace rockmate {
namespace {

// Forward ops of a part: the programs of one of twelve take seconds, of one of twenty minutes.
constexpr std::size_t kPartOps = 12, kUsualPartOps = 8;
// Parts of a block at most, on the average.
constexpr std::size_t kParts = 12;
// Of the numbers of transient bytes every so many, and points for each.
constexpr std::size_t kTransientSteps = 3, kPoints = 16;

struct Parts {
  Chain chain;
  std::vector<std::size_t> first;  // by block: its first part; one more than there are blocks
};

// Cuts where the blocks end, and within those that are too large.
Parts cut_parts(const TrainingGraph& graph, const Chain& chain) {
  const std::vector<std::size_t> within =
      choose_cuts(graph, {.max_blocks = kParts * chain.blocks.size(),
                          .max_block_ops = kPartOps,
                          .target_block_ops = kUsualPartOps});
  Parts parts;
  std::vector<std::size_t> cuts;
  std::size_t begin = 0;
  for (const Block& block : chain.blocks) {
    const std::size_t end = begin + block.forward.size();
    parts.first.push_back(cuts.size());
    if (begin > 0) {
      cuts.push_back(begin);
      ++parts.first.back();
    }
    if (block.forward.size() > checkmate::kLargestBlock) {
      std::copy_if(within.begin(), within.end(), std::back_inserter(cuts),
                   [&](std::size_t cut) { return begin < cut && cut < end; });
    }
    begin = end;
  }
  parts.first.push_back(cuts.size() + 1);
  parts.chain = cut_chain(graph, cuts);
  return parts;
}

class Joiner {
 public:
  Joiner(const TrainingGraph& graph, const Parts& parts,
         const std::vector<std::vector<Candidate>>& candidates)
      : graph_(graph), parts_(parts), storages_(graph, parts.chain) {
    const BlockCosts costs(graph, parts.chain, storages_);
    for (std::size_t p = 0; p < parts.chain.blocks.size(); ++p) {
      costs_.blocks.push_back(costs.block(p, candidates[p]));
    }
  }

  // Of the block with the parts first .. last.
  [[nodiscard]] std::vector<Candidate> join(std::size_t first, std::size_t last) const {
    StageChain chain;
    chain.input = costs_.input_before(first);
    chain.input_gradient = costs_.gradient_before(first);
    chain.blocks.assign(costs_.blocks.begin() + static_cast<std::ptrdiff_t>(first),
                        costs_.blocks.begin() + static_cast<std::ptrdiff_t>(last + 1));
    const Segments segments(std::move(chain));
    const InFlight in_flight(segments);
    const StageRange all = {0, last - first};
    std::vector<Candidate> found;
    for (std::size_t k = 0; k < in_flight.transients().size(); k += kTransientSteps) {
      const Rest rest = in_flight.rest(all, in_flight.transients()[k]);
      for (const rotor::Point& point : thinned_to(rest.from(0), kPoints)) {
        Candidate next = as_ops(first, last, steps_of_one(segments, all, rest, Bytes(point.bytes)));
        if (std::find(found.begin(), found.end(), next) == found.end()) {
          found.push_back(std::move(next));
        }
      }
    }
    return found;
  }

 private:
  [[nodiscard]] const Block& part(std::size_t p) const { return parts_.chain.blocks[p]; }

  // Backward parts stand in reverse order.
  [[nodiscard]] Candidate as_ops(std::size_t first, std::size_t last,
                                 const std::vector<StageStep>& steps) const {
    std::vector<std::uint32_t> forward_at(last + 1 - first), backward_at(last + 1 - first);
    std::uint32_t next = 0;
    for (std::size_t p = first; p <= last; ++p) {
      forward_at[p - first] = next;
      next += static_cast<std::uint32_t>(part(p).forward.size());
    }
    for (std::size_t p = last + 1; p-- > first;) {
      backward_at[p - first] = next;
      next += static_cast<std::uint32_t>(part(p).backward.size());
    }
    Candidate candidate;
    bool is_backward = false;
    std::vector<std::size_t> saved_with(last + 1 - first);
    for (const StageStep& step : steps) {
      is_backward = is_backward || step.kind == StageStepKind::kReceiveGradient;
      const std::size_t p = step.block;
      const bool is_forward =
          step.kind == StageStepKind::kPass || step.kind == StageStepKind::kSave;
      if (step.kind == StageStepKind::kSave) saved_with[p] = step.candidate;
      if (is_backward && is_forward) {
        for (std::uint32_t k = 0; k < part(first + p).forward.size(); ++k) {
          if (storages_.is_aside(part(first + p).forward[k])) continue;
          candidate.backward.push_back(forward_at[p] + k);
        }
      }
      if (step.kind == StageStepKind::kBackward) {
        add_backward(first + p, saved_with[p], forward_at[p], backward_at[p], candidate);
      }
    }
    return candidate;
  }

  void add_backward(std::size_t p, std::size_t way, std::uint32_t forward_at,
                    std::uint32_t backward_at, Candidate& candidate) const {
    const auto forward = static_cast<std::uint32_t>(part(p).forward.size());
    std::vector<std::uint32_t> runs = costs_.blocks[p].candidates[way].runs;
    if (runs.empty()) {
      for (std::uint32_t k = 0; k < part(p).backward.size(); ++k) runs.push_back(forward + k);
    }
    for (const std::uint32_t k : runs) {
      candidate.backward.push_back(k < forward ? forward_at + k : backward_at + (k - forward));
    }
  }

  const TrainingGraph& graph_;
  const Parts& parts_;
  StageStorages storages_;
  StageChain costs_;
};

}  // namespace

std::vector<std::vector<Candidate>> stage_candidates(const TrainingGraph& graph, const Chain& chain,
                                                     const checkmate::BlockOptions& options) {
  const Parts parts = cut_parts(graph, chain);
  const auto of_parts = checkmate::find_candidates(graph, parts.chain, options).of_block;
  const Joiner joiner(graph, parts, of_parts);
  const Repeats repeats = find_repeats(graph, chain);
  std::vector<std::vector<Candidate>> of_class;
  for (const std::size_t b : repeats.representative) {
    const std::size_t first = parts.first[b], last = parts.first[b + 1] - 1;
    of_class.push_back(first == last ? of_parts[first] : joiner.join(first, last));
  }
  std::vector<std::vector<Candidate>> candidates;
  for (const std::size_t c : repeats.class_of) candidates.push_back(of_class[c]);
  return candidates;
}

}  // namespace rockmate
