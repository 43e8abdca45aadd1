// What each stage of a pipeline runs of one micro-batch's iteration, and what it hands to its
// neighbours. Everything is about ops and values of the micro-batch model.
//
// A gradient to which several blocks contribute (tied parameters) is taken apart: each part is
// summed over the micro-batches where it is made, and the parts are added at the end, in the order
// of the iteration. So its bits do not depend on where the network is cut.
#pragma once

#include <cstddef>
#include <vector>

#include "graph/chain.h"
#include "rockmate/pipeline.h"
#include "rockmate/training_model.h"

namespace rockmate {

/// Micro-batches draw numbers of their own, which a part of a fused op cannot be told: such a model
/// cannot be run.
[[nodiscard]] bool has_fused_dropout(const TrainingModel& model);

/// A summand of a parameter's gradient.
struct GradientPart {
  ValueId value;
  std::size_t stage = 0;
};

class StageOps {
 public:
  /// Throws InvalidInput where the pipeline was not planned for this model and `max_blocks`, or
  /// does not say what its strategies run.
  StageOps(const TrainingModel& model, const Pipeline& pipeline, std::size_t max_blocks);

  [[nodiscard]] const std::vector<OpId>& forward(std::size_t block) const {
    return chain_.blocks[block].forward;
  }
  /// What a backward step runs, forward ops among it, without updates of parameters and without the
  /// sums that were taken apart.
  [[nodiscard]] std::vector<OpId> backward(const StageStep& step) const;
  /// Whether nothing of the backward but other such ops of its block needs what it makes: gradients
  /// of parameters, which can wait.
  [[nodiscard]] bool can_wait(OpId op) const { return can_wait_[op] != 0; }
  /// Whether it runs without the addend that its kernel has.
  [[nodiscard]] bool is_apart(OpId op) const { return is_apart_[op] != 0; }

  /// By position in TrainingModel::trained: the summands, in the order in which they are added.
  [[nodiscard]] const std::vector<std::vector<GradientPart>>& parts() const { return parts_; }
  /// The stage that updates a parameter.
  [[nodiscard]] std::size_t owner(std::size_t trained) const {
    return parts_[trained].back().stage;
  }
  /// The stage that makes the value in each micro-batch; nothing for sources and what comes once.
  [[nodiscard]] std::optional<std::size_t> maker(ValueId v) const;
  [[nodiscard]] std::optional<std::size_t> stage_of(OpId op) const { return stage_of_[op]; }
  [[nodiscard]] bool is_forward(OpId op) const { return is_forward_[op] != 0; }

  /// The storages that cross from stage `cut` to the next, or back; the values that own them.
  [[nodiscard]] const std::vector<ValueId>& activations(std::size_t cut) const {
    return activations_[cut];
  }
  [[nodiscard]] const std::vector<ValueId>& gradients(std::size_t cut) const {
    return gradients_[cut];
  }

 private:
  void place_ops(const Pipeline& pipeline);
  void find_parts();
  void find_waiting();
  void find_crossings(std::size_t stages);
  [[nodiscard]] std::vector<ValueId> inputs_of(OpId op) const;

  const TrainingModel& model_;
  Chain chain_;
  IdVector<OpId, std::optional<std::size_t>> block_of_, stage_of_;
  IdVector<OpId, char> is_forward_, can_wait_, is_apart_;
  std::vector<std::vector<GradientPart>> parts_;
  std::vector<std::vector<ValueId>> activations_, gradients_;  // by cut
};

}  // namespace rockmate
