// What Rotor's recursion needs to know of a chain, in bytes and seconds; exact on bundles.
//
// A state (a, b) of the recursion runs the forward parts of blocks a .. b, as often as need be, and
// their backward parts once, from b down to a. When it starts, the *base* is stored: every storage
// made before block a that a block of a .. b reads. All figures leave out static bytes and what the
// states around it hold besides the base. papers/rotor.md derives each of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "graph/chain.h"
#include "rockmate/training_graph.h"

namespace rockmate::rotor {

class ChainCosts {
 public:
  ChainCosts(const TrainingGraph& graph, const Chain& chain);

  [[nodiscard]] std::size_t blocks() const { return first_op_.size() - 1; }

  /// Seconds of one more forward pass over blocks a .. b - 1; ops that run once are not in it.
  [[nodiscard]] double forward_seconds(std::size_t a, std::size_t b) const {
    return seconds_before_[b] - seconds_before_[a];
  }
  /// Seconds that no choice changes: ops that run once, backward parts and tail included.
  [[nodiscard]] double fixed_seconds() const { return fixed_seconds_; }
  /// Peak of what runs after the backward part of block 0.
  [[nodiscard]] std::int64_t tail_peak() const { return tail_peak_; }

  /// Peak of the forward and of the backward part of block a in state (a, b) when it is kept.
  [[nodiscard]] std::int64_t keep_peak(std::size_t a, std::size_t b) const;
  /// Bytes that keeping block a holds while (a + 1, b) runs, beyond that state's own base.
  [[nodiscard]] std::int64_t keep_held(std::size_t a, std::size_t b) const;
  /// Bytes that state (a, b) holds while (j, b) runs, beyond that state's own base.
  [[nodiscard]] std::int64_t checkpoint_held(std::size_t a, std::size_t j, std::size_t b,
                                             std::int64_t base_of_a_b) const;
  /// Bytes of the base of (a, b) that (a, j - 1) does not count but has to hold for states around.
  [[nodiscard]] std::int64_t left_held(std::size_t a, std::size_t j, std::size_t b) const;
  /// Bytes of the base of (a, b).
  [[nodiscard]] std::int64_t base(std::size_t a, std::size_t b) const;
  /// peaks[j - a - 1]: peak of one forward pass over a .. j - 1 in state (a, b) that stores the
  /// base of (j, b) on its way, for each j of a + 1 .. b.
  void pass_peaks(std::size_t a, std::size_t b, std::vector<std::int64_t>& peaks) const;

  /// Whether the chain's recursion may run this forward op more than once.
  [[nodiscard]] bool runs_again(OpId op) const { return again_[op] != 0; }

 private:
  static constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

  // A storage made by the forward part, with all values on it.
  struct Item {
    std::int64_t bytes = 0;
    std::size_t made = 0;  // position in the forward part
    bool optional = false;
    std::vector<std::size_t> forward_reads;    // positions, rising
    std::vector<std::size_t> backward_reads;   // positions in the rest, rising
    std::vector<std::size_t> read_blocks;      // of both, rising, distinct; forward reads only of
                                               // blocks after the one that makes it
    std::vector<std::size_t> backward_blocks;  // rising, distinct
  };
  // An item in the bundle before a block.
  struct Rider {
    std::size_t item = 0;
    std::size_t next_read = 0;  // the first block at or after the boundary that reads it
    bool held = false;          // until the backward part of the block after the boundary has run
  };
  struct Bundle {
    std::vector<Rider> riders;        // by rising next_read
    std::vector<std::int64_t> bytes;  // prefix sums over riders
    std::vector<std::int64_t> held;   // prefix sums over those with `held`
    std::vector<Rider> long_riders;   // made before the block that precedes the boundary
  };
  // A step function of b: entries by rising threshold, the last one with threshold <= b counts.
  struct Step {
    std::size_t from = 0;
    std::int64_t value = 0;
  };

  void index_ops(const TrainingGraph& graph, const Chain& chain);
  void find_run_once(const TrainingGraph& graph);
  void make_items(const TrainingGraph& graph);
  void profile_rest(const TrainingGraph& graph);
  void make_bundles();
  void make_keep_steps();
  void make_pass_profiles();

  [[nodiscard]] std::size_t block_of(std::size_t forward_position) const;
  [[nodiscard]] static std::size_t next_read(const Item& item, std::size_t block);
  [[nodiscard]] static bool reads_backward(const Item& item, std::size_t block);
  [[nodiscard]] bool is_held(const Item& item, std::size_t block) const;
  [[nodiscard]] std::size_t last_forward_use(const Item& item, std::size_t b) const;
  [[nodiscard]] std::int64_t keep_forward_peak(std::size_t a, std::size_t b) const;
  [[nodiscard]] static std::size_t count_up_to(const std::vector<Rider>& riders, std::size_t b);

  std::vector<OpId> forward_;          // the forward part
  std::vector<std::size_t> first_op_;  // block -> its first position in the forward part; size + 1
  std::vector<std::size_t> first_rest_;  // block -> its first position in the rest
  std::size_t tail_begin_ = 0;
  std::size_t rest_size_ = 0;
  IdVector<OpId, char> again_;
  std::vector<double> seconds_before_;
  double fixed_seconds_ = 0;
  std::int64_t tail_peak_ = 0;

  std::vector<Item> items_;
  std::vector<std::vector<std::size_t>> made_in_;  // block -> items
  IdVector<ValueId, char> pinned_;                 // storages that stay, whatever is chosen
  std::vector<std::int64_t> workspace_;            // by forward position
  std::vector<std::int64_t> rest_live_;            // while each op of the rest runs
  std::vector<std::int64_t> before_backward_;      // block b -> rest bytes just before its backward
  std::vector<Bundle> bundles_;
  std::vector<std::int64_t> backward_peak_;      // block -> peak, but for held riders
  std::vector<std::vector<Step>> keep_forward_;  // block -> peak of its kept forward part
  std::vector<std::vector<Step>> keep_held_;
  std::vector<std::vector<std::int64_t>> pass_live_;  // b -> live bytes at each forward position
};

}  // namespace rockmate::rotor
