// What lies across each boundary of the forward part: the values that a checkpoint there has to
// hold. A storage lies across a contiguous range of boundaries, its *ride*, so all bundles together
// take no more room than the graph.
//
//   forward op      0     1     2     3
//   boundary           1     2     3         boundary i is between op i - 1 and op i
//   ride of y0         |-----------|         made by op 0, read last by op 3
//
// A ride ends with the last forward reader, or with the last block to which a backward reader
// belongs (see chain.h): backward ops of blocks before the boundary do not count, because their
// block is run again before them. What cannot be made again (its maker runs once) rides to the end
// if any later op reads it or it is a result.
#pragma once

#include <cstddef>
#include <vector>

#include "rockmate/training_graph.h"

namespace rockmate {

struct Ride {
  ValueId storage;        ///< the value that owns the bytes
  std::size_t first = 0;  ///< boundaries, both inclusive
  std::size_t last = 0;
};

class Bundles {
 public:
  /// Linear in the size of the graph.
  explicit Bundles(const TrainingGraph& graph);

  /// The number of forward ops; boundaries are 1 .. forward_size() - 1.
  [[nodiscard]] std::size_t forward_size() const { return forward_size_; }
  /// By rising `first`.
  [[nodiscard]] const std::vector<Ride>& rides() const { return rides_; }
  [[nodiscard]] Bytes bytes(std::size_t boundary) const { return bytes_[boundary]; }
  [[nodiscard]] std::size_t count(std::size_t boundary) const { return count_[boundary]; }
  /// The storages of one bundle, in the order in which they are made. Linear in rides().
  [[nodiscard]] std::vector<ValueId> members(std::size_t boundary) const;

 private:
  std::size_t forward_size_ = 0;
  std::vector<Ride> rides_;
  std::vector<Bytes> bytes_;  // by boundary; [0] is unused
  std::vector<std::size_t> count_;
};

}  // namespace rockmate
