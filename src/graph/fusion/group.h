// A set of steps seen as one: the fused step that they make, and the bytes that it takes where one
// of them stood.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "graph/op_table.h"
#include "graph/tape.h"

namespace rockmate {

/// What has to stay on a tape whatever becomes of its steps.
struct WantedTensors {
  std::vector<TensorId> visible;  ///< there when they are made
  std::vector<TensorId> results;  ///< there at the end as well
};

/// A node as the table of ops sees it: what it is with its inputs, and its outputs. The node and
/// the tape outlive the first.
[[nodiscard]] OpView view_of(const Tape& tape, const Node& node);
[[nodiscard]] Types output_types(const Tape& tape, const Node& node);

/// Who makes and reads the tensors of a tape, by step.
class TapeUse {
 public:
  TapeUse(const Tape& tape, const WantedTensors& wanted);

  [[nodiscard]] const Tape& tape() const { return *tape_; }
  [[nodiscard]] const Step& step(std::size_t s) const { return tape_->steps()[s]; }
  [[nodiscard]] std::optional<std::size_t> maker(TensorId t) const { return maker_[t]; }
  [[nodiscard]] const std::vector<std::size_t>& readers(TensorId t) const { return readers_[t]; }
  [[nodiscard]] bool is_wanted(TensorId t) const { return wanted_[t] != 0; }
  /// The first step that updates the storage.
  [[nodiscard]] std::optional<std::size_t> update(TensorId storage) const {
    return update_[storage];
  }
  /// The steps that make or read the storage or a view of it, rising.
  [[nodiscard]] const std::vector<std::size_t>& touches(TensorId storage) const {
    return touches_[storage];
  }
  /// Results and sources.
  [[nodiscard]] bool lives_to_the_end(TensorId storage) const { return to_the_end_[storage] != 0; }
  [[nodiscard]] Bytes bytes(TensorId t) const;

 private:
  const Tape* tape_;
  IdVector<TensorId, std::optional<std::size_t>> maker_;
  IdVector<TensorId, std::vector<std::size_t>> readers_;
  IdVector<TensorId, std::vector<std::size_t>> touches_;
  IdVector<TensorId, std::optional<std::size_t>> update_;
  IdVector<TensorId, char> wanted_, to_the_end_;
};

/// Steps, rising.
using Members = std::vector<std::size_t>;

/// Does somebody outside read it?
[[nodiscard]] bool is_read_outside(const TapeUse& use, const Members& members, TensorId t);

/// The members as one step.
[[nodiscard]] Step fused_step(const TapeUse& use, const Members& members);

/// The most that lives from the first to the last of the members, in bytes more than before the
/// first: as single steps, and as one that runs at `place`, which is one of them.
struct WindowPeaks {
  Bytes single, fused;
};
[[nodiscard]] WindowPeaks window_peaks(const TapeUse& use, const Members& members,
                                       std::size_t place);

/// The peak of steps that run in their order, each tensor freed right after its last use, with the
/// workspaces of fused steps; and the step of it. Sources are not counted. `in_place`: outputs lie
/// where inputs do that die there, as far as they may.
struct TapePeak {
  Bytes bytes;
  std::size_t step = 0;
};
[[nodiscard]] TapePeak tape_peak(const Tape& tape, const std::vector<Step>& steps,
                                 const WantedTensors& wanted, bool in_place = false);

}  // namespace rockmate
