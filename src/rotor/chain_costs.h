// What Rotor's recursion needs to know of a chain, in bytes and seconds; exact on bundles.
//
// A state (a, b) of the recursion runs the forward parts of blocks a .. b, as often as need be, and
// their backward parts once, from b down to a. When it starts, the *base* is stored: every storage
// made before block a that a block of a .. b reads. All figures leave out static bytes and what the
// states around it hold besides the base. papers/rotor.md derives each of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "graph/chain.h"
#include "rockmate/training_graph.h"
#include "rotor/chain_items.h"

namespace rockmate::rotor {

/// Live bytes while a pass of a state (., b) runs forward, by position from `begin` on; items of
/// the state's base only as long as they are still read.
struct PassProfile {
  std::size_t begin = 0;  ///< the first op of some block
  std::size_t b = 0;
  std::vector<std::int64_t> live;
};

class ChainCosts {
 public:
  ChainCosts(const TrainingGraph& graph, const Chain& chain);

  [[nodiscard]] std::size_t blocks() const { return items_.blocks(); }
  [[nodiscard]] const ChainItems& items() const { return items_; }

  /// Seconds of one more forward pass over blocks a .. b - 1; ops that run once are not in it.
  [[nodiscard]] double forward_seconds(std::size_t a, std::size_t b) const {
    return items_.seconds_before(b) - items_.seconds_before(a);
  }
  /// Seconds that no choice changes: ops that run once, backward parts and tail included.
  [[nodiscard]] double fixed_seconds() const { return items_.fixed_seconds(); }
  /// Peak of what runs after the backward part of block 0.
  [[nodiscard]] std::int64_t tail_peak() const { return items_.tail_peak(); }

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
  /// For states (a, b) with a >= from. Linear in the items of from .. b, times a logarithm.
  [[nodiscard]] PassProfile pass_profile(std::size_t from, std::size_t b) const;
  /// peaks[j - a - 1]: peak of one forward pass over a .. j - 1 in state (a, profile.b) that stores
  /// the base of (j, b) on its way, for each j of a + 1 .. b. Linear in the ops of a .. b.
  void pass_peaks(std::size_t a, const PassProfile& profile,
                  std::vector<std::int64_t>& peaks) const;

  /// Whether the chain's recursion may run this forward op more than once.
  [[nodiscard]] bool runs_again(OpId op) const { return items_.runs_again(op); }

 private:
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

  void make_bundles();
  [[nodiscard]] std::vector<Step> keep_held_steps(std::size_t a) const;
  [[nodiscard]] std::vector<Step> keep_forward_steps(std::size_t a) const;
  [[nodiscard]] std::int64_t keep_forward_peak(std::size_t a, std::size_t b) const;
  [[nodiscard]] std::int64_t keep_backward_peak(std::size_t a) const;
  [[nodiscard]] static std::size_t count_up_to(const std::vector<Rider>& riders, std::size_t b);

  ChainItems items_;
  std::vector<Bundle> bundles_;                  // by the block after it
  std::vector<std::int64_t> backward_peak_;      // block -> peak, but for held riders
  std::vector<std::vector<Step>> keep_forward_;  // block -> peak of its kept forward part
  std::vector<std::vector<Step>> keep_held_;
};

}  // namespace rockmate::rotor
