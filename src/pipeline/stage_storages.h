// Every storage of a micro-batch's iteration, sorted by what becomes of it when the chain is cut
// into stages: an activation (the forward parts make it), a gradient (backward parts make it and
// use it up), or something that each stage with one of its blocks holds for good.
//
// The gradient of a tied parameter is a sum of parts from several blocks. As stages have copies of
// the parameter and sum over micro-batches, a part stays on its stage: it is a parameter gradient
// there, and crosses no cut.
#pragma once

#include <cstddef>
#include <vector>

#include "graph/chain.h"
#include "pipeline/stage_plan.h"
#include "rockmate/training_graph.h"

namespace rockmate {

/// What a stage holds and does once per iteration, however many micro-batches there are.
struct StageFixed {
  Bytes parameters;  ///< and statistics
  Bytes gradients;   ///< of the parameters, summed over micro-batches
  Bytes states;      ///< of the optimizer
  Bytes data;        ///< inputs of one micro-batch that the stage reads
  Seconds update;
  Bytes update_workspace;  ///< the largest
  [[nodiscard]] Bytes all(std::size_t micro_batches) const {
    return parameters + gradients + states + update_workspace +
           Bytes(data.count() * static_cast<std::int64_t>(micro_batches));
  }
};

class StageStorages {
 public:
  struct Activation {
    ValueId storage;
    Bytes bytes;
    std::size_t made = 0;          ///< op
    std::size_t last_forward = 0;  ///< op that uses it in the forward part of the block it is of
    std::size_t block = 0;         ///< that makes it
    std::size_t last_block = 0;    ///< that reads it, in either direction
    /// It rides across the end of block b.
    [[nodiscard]] bool crosses(std::size_t b) const { return block <= b && last_block > b; }
  };
  struct Gradient {
    Bytes bytes;
    std::size_t first = 0, last = 0;              ///< ops
    std::size_t first_block = 0, last_block = 0;  ///< the last may be 0 for what follows block 0
    /// Backward parts run from the last block to the first.
    [[nodiscard]] bool crosses(std::size_t b) const { return first_block > b && last_block <= b; }
  };
  struct Held {
    std::vector<std::size_t> blocks;  ///< rising
    StageFixed cost;
    [[nodiscard]] bool belongs_to(StageRange range) const;
  };

  StageStorages(const TrainingGraph& graph, const Chain& chain);

  [[nodiscard]] const std::vector<Activation>& activations() const { return activations_; }
  [[nodiscard]] const std::vector<Gradient>& gradients() const { return gradients_; }
  [[nodiscard]] const std::vector<Held>& held() const { return held_; }

  /// Whether it runs after all micro-batches; statistics are updated with each of them.
  [[nodiscard]] bool is_update(OpId op) const { return in_[op] == Part::kUpdate; }
  /// Else what it makes would be another value the second time, or may not be made again.
  [[nodiscard]] bool runs_again(OpId op) const;
  /// An op that only updates statistics does so in the first pass; a later one leaves it out,
  /// though its seconds are counted.
  [[nodiscard]] bool is_aside(OpId op) const { return graph_[op].outputs.empty(); }
  [[nodiscard]] bool makes_parameter_gradients(OpId op) const;

 private:
  enum class Part : std::uint8_t { kForward, kBackward, kUpdate };

  void place_ops(const Chain& chain);
  [[nodiscard]] std::vector<std::size_t> blocks_of(ValueId v, bool updates_too) const;
  [[nodiscard]] std::vector<std::size_t> blocks_of_update(OpId op) const;
  void find_parts();
  void sort_in(ValueId v);
  void add_source(ValueId v);
  void add_activation(ValueId v, OpId made);
  void add_update(OpId op);

  const TrainingGraph& graph_;
  IdVector<OpId, std::size_t> block_of_;
  IdVector<OpId, Part> in_;
  IdVector<ValueId, std::vector<OpId>> users_;  // of a storage, through all values on it
  IdVector<ValueId, char> is_part_;             // of a tied parameter's gradient
  IdVector<ValueId, char> is_result_;
  IdVector<ValueId, char> changes_;  // a source that each micro-batch updates
  std::vector<Activation> activations_;
  std::vector<Gradient> gradients_;
  std::vector<Held> held_;
};

}  // namespace rockmate
