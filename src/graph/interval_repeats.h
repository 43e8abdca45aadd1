// How often each short interval of the forward part occurs in it, up to renaming: what
// `choose_cuts` needs to know about repeats before there are blocks. Approximate where
// `find_repeats` is exact: equal intervals get equal hashes; the reverse, and what lies outside, is
// left to `find_repeats`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rockmate/training_graph.h"

namespace rockmate {

/// A hash for each interval of at most `window` units: ops, or blocks of ops.
class IntervalHashes {
 public:
  IntervalHashes(std::size_t units, std::size_t window)
      : units_(units), window_(window), hashes_(units * window) {}
  /// The interval from unit `begin` to before unit `end`, 0 < end - begin <= window.
  std::uint64_t& operator()(std::size_t begin, std::size_t end) {
    return hashes_[begin * window_ + (end - begin - 1)];
  }
  std::uint64_t operator()(std::size_t begin, std::size_t end) const {
    return hashes_[begin * window_ + (end - begin - 1)];
  }
  [[nodiscard]] std::size_t units() const { return units_; }
  [[nodiscard]] std::size_t window() const { return window_; }

 private:
  std::size_t units_;
  std::size_t window_;
  std::vector<std::uint64_t> hashes_;
};

/// Of the first `size` ops. An op counts with its costs, sizes and backward ops; an input by where
/// in the interval it is made, one from outside by the order of first use and its bytes.
/// Time and memory: size * window.
[[nodiscard]] IntervalHashes hash_op_intervals(const TrainingGraph& graph, std::size_t size,
                                               std::size_t window);

/// Of sequences of blocks, which begin at `stops` (the last stop is an end only); each block has
/// its hash in `ops`.
[[nodiscard]] IntervalHashes hash_block_intervals(const IntervalHashes& ops,
                                                  const std::vector<std::size_t>& stops,
                                                  std::size_t window);

/// Intervals with the same hash and length are of one class.
class IntervalClasses {
 public:
  explicit IntervalClasses(const IntervalHashes& hashes);
  [[nodiscard]] std::size_t of(std::size_t begin, std::size_t end) const {
    return classes_[begin * window_ + (end - begin - 1)];
  }
  /// By class: at how many disjoint places it occurs, counted from the left.
  [[nodiscard]] const std::vector<double>& counts() const { return counts_; }

 private:
  std::size_t window_;
  std::vector<std::uint32_t> classes_;
  std::vector<double> counts_;
};

}  // namespace rockmate
