#include "pipeline/messages.h"

namespace rockmate {
namespace {

bool is_first_backward(StageVerb verb) {
  return verb == StageVerb::kBackward || verb == StageVerb::kInputGradient;
}

}  // namespace

std::optional<Message> made_by(const StageAction& action, std::size_t stages) {
  if (action.verb == StageVerb::kForward && action.stage + 1 < stages) {
    return Message{false, action.stage + 1, action.micro_batch};
  }
  if (is_first_backward(action.verb) && action.stage > 0) {
    return Message{true, action.stage - 1, action.micro_batch};
  }
  return std::nullopt;
}

std::optional<Message> read_by(const StageAction& action, std::size_t stages) {
  if (action.verb == StageVerb::kForward && action.stage > 0) {
    return Message{false, action.stage, action.micro_batch};
  }
  if (is_first_backward(action.verb) && action.stage + 1 < stages) {
    return Message{true, action.stage, action.micro_batch};
  }
  return std::nullopt;
}

Message message_of(const StageAction& action) {
  switch (action.verb) {
    case StageVerb::kSendActivation:
      return {false, action.stage + 1, action.micro_batch};
    case StageVerb::kSendGradient:
      return {true, action.stage - 1, action.micro_batch};
    case StageVerb::kPostGradient:
    case StageVerb::kWaitGradient:
      return {true, action.stage, action.micro_batch};
    default:
      return {false, action.stage, action.micro_batch};
  }
}

StageAction send_of(const Message& message) {
  return {message.is_gradient ? StageVerb::kSendGradient : StageVerb::kSendActivation,
          message.from_stage(), message.micro_batch, 0};
}

StageAction post_of(const Message& message) {
  return {message.is_gradient ? StageVerb::kPostGradient : StageVerb::kPostActivation,
          message.to_stage, message.micro_batch, 0};
}

StageAction wait_of(const Message& message) {
  return {message.is_gradient ? StageVerb::kWaitGradient : StageVerb::kWaitActivation,
          message.to_stage, message.micro_batch, 0};
}

}  // namespace rockmate
