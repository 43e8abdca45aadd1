// The forward part of a chain as the recursion sees it: which storages it makes, who reads them,
// and what lives besides them, whatever is chosen.
//
// Storages that stay in every plan are *pinned*: results, what runs once makes, sums. All others
// made in the forward part are *items*, the recursion's own business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "graph/chain.h"
#include "rockmate/training_graph.h"

namespace rockmate::rotor {

/// A storage made by the forward part, with all values on it.
struct Item {
  std::int64_t bytes = 0;
  std::size_t made = 0;  ///< position in the forward part
  bool optional = false;
  std::vector<std::size_t> forward_reads;    ///< positions, rising
  std::vector<std::size_t> backward_reads;   ///< positions in the rest, rising
  std::vector<std::size_t> read_blocks;      ///< of both, rising, distinct; forward reads only of
                                             ///< blocks after the one that makes it
  std::vector<std::size_t> backward_blocks;  ///< rising, distinct
};

class ChainItems {
 public:
  /// No block: "is not read again".
  static constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

  /// The chain must have blocks. Linear in the number of uses, times a logarithm.
  ChainItems(const TrainingGraph& graph, const Chain& chain);

  [[nodiscard]] std::size_t blocks() const { return first_op_.size() - 1; }
  [[nodiscard]] std::size_t block_of(std::size_t forward_position) const;
  /// The first position of a block in the forward part; that of `blocks()` is its end.
  [[nodiscard]] std::size_t first_op(std::size_t block) const { return first_op_[block]; }
  /// The backward part of a block in the rest: its first position, and the one after its last.
  [[nodiscard]] std::size_t rest_begin(std::size_t block) const { return first_rest_[block]; }
  [[nodiscard]] std::size_t rest_end(std::size_t block) const {
    return block == 0 ? tail_begin_ : first_rest_[block - 1];
  }

  [[nodiscard]] const std::vector<Item>& all() const { return items_; }
  [[nodiscard]] const Item& operator[](std::size_t item) const { return items_[item]; }
  /// The item of a storage; kNever if it is none.
  [[nodiscard]] std::size_t item_of(ValueId storage) const { return item_of_[storage]; }
  [[nodiscard]] const std::vector<std::size_t>& made_in(std::size_t block) const {
    return made_in_[block];
  }
  /// The first block at or after the given one that reads the item.
  [[nodiscard]] static std::size_t next_read(const Item& item, std::size_t block);
  [[nodiscard]] static bool reads_backward(const Item& item, std::size_t block);
  /// Whether some state around (block, b) may count on the item after that state has run: then it
  /// has to stay to the end.
  [[nodiscard]] bool is_held(const Item& item, std::size_t block) const;
  /// The last forward position at which a pass of a state (., b) still wants the item, if any:
  /// its last forward read, or the start of the block whose backward part reads it.
  [[nodiscard]] std::size_t last_forward_use(const Item& item, std::size_t b) const;

  [[nodiscard]] bool runs_again(OpId op) const { return again_[op] != 0; }
  [[nodiscard]] double seconds_before(std::size_t block) const { return seconds_before_[block]; }
  [[nodiscard]] double fixed_seconds() const { return fixed_seconds_; }
  [[nodiscard]] std::int64_t workspace(std::size_t forward_position) const {
    return workspace_[forward_position];
  }
  /// Gradients, pinned storages and workspace while an op of the rest runs.
  [[nodiscard]] std::int64_t rest_live(std::size_t position) const { return rest_live_[position]; }
  /// Gradients and pinned storages just before an op of the rest.
  [[nodiscard]] std::int64_t rest_between(std::size_t position) const {
    return rest_between_[position];
  }
  /// Whether the storage is pinned and is in `rest_live` no longer at this position of the rest.
  [[nodiscard]] bool is_pinned_before(ValueId storage, std::size_t position) const {
    return pinned_[storage] != 0 && pinned_until_[storage] < forward_.size() + position;
  }
  /// Gradients and pinned storages just before the backward part of a block.
  [[nodiscard]] std::int64_t before_backward(std::size_t block) const {
    return before_backward_[block];
  }
  [[nodiscard]] std::int64_t tail_peak() const { return tail_peak_; }

 private:
  void index_ops(const TrainingGraph& graph, const Chain& chain);
  void find_run_once(const TrainingGraph& graph);
  void sum_seconds(const TrainingGraph& graph);
  void find_pinned(const TrainingGraph& graph);
  void make_items(const TrainingGraph& graph);
  void find_read_blocks(Item& item) const;
  struct Lifetimes {
    IdVector<ValueId, std::size_t> first, last;
  };
  [[nodiscard]] Lifetimes find_lifetimes(const TrainingGraph& graph) const;
  void profile_rest(const TrainingGraph& graph);

  std::vector<OpId> forward_;          // the forward part
  std::vector<std::size_t> first_op_;  // by block; one more than there are blocks
  std::vector<std::size_t> first_rest_;
  std::size_t tail_begin_ = 0;
  std::size_t rest_size_ = 0;
  IdVector<OpId, char> again_;
  std::vector<double> seconds_before_;
  double fixed_seconds_ = 0;

  std::vector<Item> items_;
  std::vector<std::vector<std::size_t>> made_in_;  // block -> items
  IdVector<ValueId, char> forward_made_;           // storages
  IdVector<ValueId, char> pinned_;
  IdVector<ValueId, std::size_t> pinned_until_;  // position in program order
  IdVector<ValueId, std::size_t> item_of_;
  std::vector<std::int64_t> workspace_;  // by forward position
  std::vector<std::int64_t> rest_live_;
  std::vector<std::int64_t> rest_between_;
  std::vector<std::int64_t> before_backward_;
  std::int64_t tail_peak_ = 0;
};

}  // namespace rockmate::rotor
