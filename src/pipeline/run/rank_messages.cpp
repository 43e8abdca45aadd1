#include "pipeline/run/rank_messages.h"

#include <fmt/format.h>

#include <limits>

namespace rockmate {
namespace {

constexpr Seconds kAtTheEnd{std::numeric_limits<double>::infinity()};

ValueSpec spec_of(const std::string& name, const TensorType& type, ValueKind kind) {
  return {.name = name,
          .bytes = aligned(type.bytes()),
          .kind = kind,
          .shape = type.shape,
          .dtype = std::string(to_string(type.dtype))};
}

}  // namespace

OpId RankMessages::op(const std::string& name, OpKind kind, End end, std::vector<ValueId> inputs,
                      std::vector<ValueId> outputs) {
  Attributes attributes = {{"peer", static_cast<std::int64_t>(end.peer)}, {"tag", end.tag}};
  if (kind == OpKind::kReceive) {
    const TensorType& type = writer_.type(outputs.front());
    attributes.set("shape", type.shape);
    attributes.set("dtype", std::string(to_string(type.dtype)));
  }
  std::vector<InPlace> in_place;
  if (kind == OpKind::kReceived) in_place.push_back({outputs.front(), inputs.front()});
  std::vector<ValueId> updates;
  if (kind == OpKind::kRefresh) updates = inputs;
  return writer_.add_op(
      {.name = name, .phase = Phase::kUpdate, .seconds = Seconds(0), .recomputable = false},
      {kind, std::move(attributes), std::move(inputs), std::move(outputs), std::move(updates), {}},
      in_place);
}

void RankMessages::start_send(const std::string& name, ValueId value, End to, Seconds arrival,
                              const std::optional<StageAction>& action) {
  writer_.run(op(name, OpKind::kSend, to, {value}, {}), action);
  ops_.hold(value);
  sending_.push_back({name + " sent", value, to, arrival});
}

void RankMessages::finish_sends_before(Seconds time, const std::optional<StageAction>& action) {
  std::vector<Sending> later;
  for (Sending& each : sending_) {
    if (!(each.arrival < time)) {
      later.push_back(std::move(each));
      continue;
    }
    writer_.run(op(each.name, OpKind::kSent, each.to, {each.value}, {}), action);
    ops_.release(each.value);
  }
  sending_ = std::move(later);
}

void RankMessages::finish_sends() {
  for (Sending& each : sending_) each.arrival = Seconds();
  finish_sends_before(kAtTheEnd, std::nullopt);
}

ValueId RankMessages::post(const std::string& name, const TensorType& type, ValueKind kind,
                           End from, const std::optional<StageAction>& action) {
  const ValueId buffer = writer_.add_value(spec_of(name + ".buffer", type, kind), type);
  writer_.run(op(name + ".posted", OpKind::kReceive, from, {}, {buffer}), action);
  return buffer;
}

ValueId RankMessages::wait(const std::string& name, ValueId buffer, ValueKind kind, End from,
                           const std::optional<StageAction>& action) {
  const TensorType type = writer_.type(buffer);
  const ValueId value = writer_.add_value(spec_of(name, type, kind), type);
  writer_.run(op(name, OpKind::kReceived, from, {buffer}, {value}), action);
  return value;
}

void RankMessages::run(const StageAction& action, Seconds arrival) {
  const Message message = message_of(action);
  const std::vector<ValueId>& items = items_of(message, context_.ops);
  const bool is_send = send_of(message) == action;
  const std::size_t peer =
      context_.peer(context_.rank_of(is_send ? message.to_stage : message.from_stage()));
  const ValueKind kind = message.is_gradient ? ValueKind::kGradient : ValueKind::kActivation;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const ValueId v = items[i];
    const End end{peer, tags_.of(message, i)};
    const std::string& value = context_.model.graph[v].name;
    const std::string name = fmt::format("{} {}", to_string(action), value);
    if (is_send) {
      const ValueId made = ops_.at(v, action.micro_batch, action.stage);
      start_send(name, made, end, arrival, action);
    } else if (post_of(message) == action) {
      posted_[end.tag] = post(name, context_.model.types[v], kind, end, action);
    } else {
      ops_.put(v, action.micro_batch, action.stage,
               wait(name, posted_.at(end.tag), kind, end, action));
    }
  }
}

void RankMessages::send(const std::string& name, ValueId value, std::size_t peer,
                        std::int64_t tag) {
  start_send(name, value, {peer, tag}, kAtTheEnd, std::nullopt);
}

ValueId RankMessages::receive(const std::string& name, const TensorType& type, std::size_t peer,
                              std::int64_t tag) {
  const End from{peer, tag};
  const ValueKind kind = ValueKind::kParameterGradient;
  return wait(name, post(name, type, kind, from, std::nullopt), kind, from, std::nullopt);
}

void RankMessages::refresh(const std::string& name, ValueId source, std::size_t peer,
                           std::int64_t tag) {
  writer_.run(op(name, OpKind::kRefresh, {peer, tag}, {source}, {}), std::nullopt);
}

}  // namespace rockmate
