#include "pipeline/run/message_tags.h"

namespace rockmate {
namespace {

std::size_t cut_of(const Message& message) {
  return message.is_gradient ? message.to_stage : message.to_stage - 1;
}

}  // namespace

MessageTags::MessageTags(const StageOps& ops, const Pipeline& pipeline) : ops_(ops) {
  std::int64_t next = kFirstDataTag;
  const auto count = [&](std::size_t number) {
    const std::int64_t first = next;
    next += static_cast<std::int64_t>(number);
    return first;
  };
  for (std::size_t cut = 0; cut + 1 < pipeline.stages.size(); ++cut) {
    first_[0].push_back(count(ops.activations(cut).size() * pipeline.micro_batches));
    first_[1].push_back(count(ops.gradients(cut).size() * pipeline.micro_batches));
  }
  for (const auto& parts : ops.parts()) parts_.push_back(count(parts.size()));
  once_ = next;
}

std::int64_t MessageTags::of(const Message& message, std::size_t item) const {
  const std::size_t place = message.micro_batch * items_of(message, ops_).size() + item;
  return first_[message.is_gradient ? 1 : 0][cut_of(message)] + static_cast<std::int64_t>(place);
}

std::int64_t MessageTags::of_part(std::size_t trained, std::size_t part) const {
  return parts_[trained] + static_cast<std::int64_t>(part);
}

}  // namespace rockmate
