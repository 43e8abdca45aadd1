// What stages send each other: a stage's forward makes an activation for the next stage, its
// backward (or the first part of it) a gradient for the one before. A message is known by the stage
// that receives it; between stages of one rank nothing is sent.
#pragma once

#include <cstdint>
#include <optional>

#include "rockmate/pipeline.h"

namespace rockmate {

struct Message {
  bool is_gradient = false;
  std::uint32_t to_stage = 0;
  std::uint32_t micro_batch = 0;

  [[nodiscard]] std::uint32_t from_stage() const {
    return is_gradient ? to_stage + 1 : to_stage - 1;
  }
  friend bool operator==(const Message&, const Message&) = default;
};

/// What the action makes for, or reads from, another stage, on whichever rank.
[[nodiscard]] std::optional<Message> made_by(const StageAction& action, std::size_t stages);
[[nodiscard]] std::optional<Message> read_by(const StageAction& action, std::size_t stages);
/// What a communicating action is about.
[[nodiscard]] Message message_of(const StageAction& action);

/// The actions that move a message.
[[nodiscard]] StageAction send_of(const Message& message);
[[nodiscard]] StageAction post_of(const Message& message);
[[nodiscard]] StageAction wait_of(const Message& message);

/// Messages as numbers below 2 * stages * micro_batches.
[[nodiscard]] inline std::size_t index_of(const Message& message, const Pipeline& pipeline) {
  const std::size_t row = message.to_stage + (message.is_gradient ? pipeline.stages.size() : 0);
  return row * pipeline.micro_batches + message.micro_batch;
}
[[nodiscard]] inline bool crosses_ranks(const Message& message, const Pipeline& pipeline) {
  return pipeline.stages[message.from_stage()].rank != pipeline.stages[message.to_stage].rank;
}
[[nodiscard]] inline Bytes bytes_of(const Message& message, const Pipeline& pipeline) {
  return message.is_gradient ? pipeline.stages[message.from_stage()].input_gradient
                             : pipeline.stages[message.to_stage].input;
}

}  // namespace rockmate
