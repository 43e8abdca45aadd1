// A number for each message that ranks exchange in an iteration; every rank counts the same way.
#pragma once

#include <cstdint>
#include <vector>

#include "pipeline/messages.h"
#include "pipeline/run/stage_ops.h"

namespace rockmate {

/// Below are those of reports and checkpoints.
inline constexpr std::int64_t kFirstDataTag = 64;

class MessageTags {
 public:
  MessageTags(const StageOps& ops, const Pipeline& pipeline);

  /// Of the `item`-th storage of a message between stages.
  [[nodiscard]] std::int64_t of(const Message& message, std::size_t item) const;
  /// Of a summand of a gradient on its way to the rank that updates the parameter.
  [[nodiscard]] std::int64_t of_part(std::size_t trained, std::size_t part) const;
  /// Of a gradient on its way through the replicas, up and down again.
  [[nodiscard]] std::int64_t up(std::size_t trained) const { return once_ + of_trained(trained); }
  [[nodiscard]] std::int64_t down(std::size_t trained) const { return up(trained) + 1; }
  /// Of a parameter on its way to its copies.
  [[nodiscard]] std::int64_t refresh(std::size_t trained) const { return up(trained) + 2; }

 private:
  [[nodiscard]] static std::int64_t of_trained(std::size_t trained) {
    return 3 * static_cast<std::int64_t>(trained);
  }

  const StageOps& ops_;
  std::vector<std::int64_t> first_[2];  // by cut; activations, gradients
  std::vector<std::int64_t> parts_;     // by trained parameter
  std::int64_t once_ = 0;
};

/// The storages that a message carries.
[[nodiscard]] inline const std::vector<ValueId>& items_of(const Message& message,
                                                          const StageOps& ops) {
  return message.is_gradient ? ops.gradients(message.to_stage)
                             : ops.activations(message.to_stage - 1);
}

}  // namespace rockmate
