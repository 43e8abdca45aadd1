// The graph as the search reads it: flat tables, sources left out, every rule of the memory model
// turned into one of three things: an event of a value, an order between two ops, or a take-over.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "rockmate/ids.h"
#include "rockmate/training_graph.h"

namespace rockmate::search {

/// Rows of different lengths, one per id, in one array.
template <class I, class T>
class Rows {
 public:
  Rows() = default;
  explicit Rows(const IdVector<I, std::vector<T>>& rows) {
    begin_.reserve(rows.size() + 1);
    begin_.push_back(0);
    for (const auto& row : rows) {
      items_.insert(items_.end(), row.begin(), row.end());
      begin_.push_back(items_.size());
    }
  }
  [[nodiscard]] std::span<const T> operator[](I id) const {
    return {items_.data() + begin_[id.index()], items_.data() + begin_[id.index() + 1]};
  }

 private:
  std::vector<std::size_t> begin_;
  std::vector<T> items_;
};

/// What one run of an op does to one value.
struct Touch {
  ValueId value;
  bool produces;  ///< makes it anew (for a sum: its first contributor); otherwise needs it
};

/// One way to run an op that the search may choose.
struct Choice {
  std::uint16_t implementation;
  double seconds;
  double workspace;
};

/// Bytes are doubles here: whole numbers below 2^53, so that sums of them are exact.
struct Problem {
  explicit Problem(const TrainingGraph& training_graph);

  /// The choice of a run that names this implementation; the fastest where it is not offered.
  [[nodiscard]] std::uint16_t choice_of(OpId op, std::uint16_t implementation) const;

  const TrainingGraph& graph;
  std::size_t op_count;
  std::size_t value_count;
  double static_bytes;

  Rows<OpId, Touch> touches;    ///< no sources
  Rows<OpId, ValueId> needs;    ///< no sources
  Rows<OpId, ValueId> outputs;  ///< sums are no outputs
  Rows<OpId, Choice> choices;   ///< of one numeric class, by rising seconds and falling workspace
  /// Whatever their number of runs: all runs of `after[op]` come before each run of `op`, and all
  /// runs of `before[op]` after it.
  Rows<OpId, OpId> after;
  Rows<OpId, OpId> before;

  IdVector<ValueId, ValueId> storage;
  IdVector<ValueId, double> bytes;      ///< of a storage; 0 for sources and views
  Rows<ValueId, ValueId> members;       ///< of a storage: the values on it that ops make
  IdVector<ValueId, char> is_optional;  ///< an unused one is not made
  /// The input whose storage the value takes over where that one dies, see take_over.
  IdVector<ValueId, std::optional<ValueId>> takes_over;
  Rows<ValueId, ValueId> takers;     ///< of a storage: the values that take it over
  std::vector<ValueId> forgettable;  ///< values with bytes that can be made again
};

}  // namespace rockmate::search
