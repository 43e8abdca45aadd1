// Live bytes over the slots of a sequence, and by how much they exceed the budget in all.
// A slot counts what lives across or at it; `extra` is what lives at it only (a workspace), and
// takes a slot that holds no run out of the figures. Figures are up to date after `refresh`.
//
//   slots    | 0 ............ 63 | 64 .......... 127 | ...     a range of slots is added to
//   blocks   | lazy, peak, excess | lazy, peak, excess | ...   edge slots one by one, inner blocks
//                                                              by their `lazy` alone
#pragma once

#include <cstddef>
#include <limits>
#include <vector>

#include "search/random.h"

namespace rockmate::search {

class MemoryProfile {
 public:
  static constexpr std::size_t kBlock = 64;
  static constexpr double kNoRun = -std::numeric_limits<double>::infinity();

  /// All slots empty and 0; `slots` is a multiple of kBlock, `margin` at least 0.
  void reset(std::size_t slots, double budget, double margin);

  [[nodiscard]] double live(std::size_t slot) const { return live_[slot] + lazy_[slot / kBlock]; }
  void set_live(std::size_t slot, double bytes);
  [[nodiscard]] double extra(std::size_t slot) const { return extra_[slot]; }
  void set_extra(std::size_t slot, double bytes);
  /// Adds to the slots first .. last - 1. O(slots / kBlock + kBlock).
  void add(std::size_t first, std::size_t last, double bytes);
  /// Brings the figures up to date. O(blocks touched * kBlock).
  void refresh();

  /// Sum over all slots that hold a run of the bytes above the budget.
  [[nodiscard]] double excess() const { return total_excess_; }
  /// The same of the bytes above the budget less the margin.
  [[nodiscard]] double crowding() const { return total_crowding_; }
  [[nodiscard]] double peak() const;
  [[nodiscard]] bool is_over(std::size_t slot) const { return live(slot) + extra_[slot] > budget_; }
  /// A slot above the budget, where there is one: in a random block, random within it.
  [[nodiscard]] std::size_t random_over_slot(Random& random) const;

 private:
  void touch(std::size_t block);
  void rescan(std::size_t block);

  double budget_ = 0;
  double margin_ = 0;
  double total_excess_ = 0;
  double total_crowding_ = 0;
  std::vector<double> live_;  // less the block's lazy
  std::vector<double> extra_;
  std::vector<double> lazy_;      // by block
  std::vector<double> peak_;      // by block, less its lazy
  std::vector<double> excess_;    // by block
  std::vector<double> crowding_;  // by block
  std::vector<char> changed_;     // by block: 1 lazy only, 2 some slots
  std::vector<std::size_t> touched_;
};

}  // namespace rockmate::search
