// What the recursion needs to know of blocks that are kept with one of several candidates: the
// same figures as for a block that is kept whole (chain_costs.h), for each of them.
//
// A candidate saves what its backward part reads before making it again, of the items that the
// block makes or reads. An item that the block makes, that blocks after it read and that no
// backward op of the block reads itself, may be released by the states after it: where a candidate
// saves it, its bytes are counted twice while those states hold it too.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/chain.h"
#include "rotor/chain_costs.h"
#include "schedule/candidate.h"

namespace rockmate::rotor {

class CandidateCosts {
 public:
  /// `candidates`: by block. The one that keeps the block whole is added to each; those that run an
  /// op again that runs once are left out, and so are those that another one beats in every figure.
  CandidateCosts(const TrainingGraph& graph, const Chain& chain, const ChainCosts& costs,
                 const std::vector<std::vector<Candidate>>& candidates);

  /// One way to keep block a in state (a, b).
  struct Way {
    std::int64_t peak = 0;  ///< of its forward and of its backward part
    std::int64_t held = 0;  ///< while (a + 1, b) runs, beyond that state's own base
    double seconds = 0;     ///< of what runs again in the backward part
  };
  [[nodiscard]] std::size_t count(std::size_t a) const { return blocks_[a].choices.size(); }
  /// Rising by seconds with k.
  [[nodiscard]] Way way(std::size_t a, std::size_t k, std::size_t b) const;
  /// The backward part.
  [[nodiscard]] const std::vector<OpId>& backward(std::size_t a, std::size_t k) const {
    return blocks_[a].choices[k].backward;
  }

 private:
  struct Choice {
    std::vector<OpId> backward;
    double seconds = 0;
    std::int64_t backward_peak = 0;          // but for held riders
    std::vector<std::int64_t> forward_peak;  // by threshold
    std::vector<std::int64_t> held;          // by threshold
    std::vector<std::size_t> saved;          // items, rising
  };
  // Figures are the same for all b from a threshold up to the next.
  struct BlockChoices {
    std::vector<std::size_t> thresholds;
    std::vector<Choice> choices;
    std::vector<std::size_t> riders;  // items that the block reads from outside
  };

  void add_block(const TrainingGraph& graph, std::size_t a, const std::vector<OpId>& order,
                 const std::vector<Candidate>& candidates);
  [[nodiscard]] bool replay(const TrainingGraph& graph, std::size_t a, Choice& choice) const;
  [[nodiscard]] std::int64_t forward_peak(std::size_t a, std::size_t b, const Choice& choice) const;
  [[nodiscard]] std::int64_t held(std::size_t a, std::size_t b, const Choice& choice) const;
  static void drop_beaten(std::vector<Choice>& choices);

  const ChainCosts& costs_;
  const ChainItems& items_;
  std::vector<std::vector<std::size_t>> passing_;  // by block: items that ride across its start
  std::vector<BlockChoices> blocks_;
};

}  // namespace rockmate::rotor
