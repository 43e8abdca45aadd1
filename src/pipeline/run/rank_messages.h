// The communication of one rank, as ops. A send is followed, as late as the simulation says that
// the message has arrived, by the op up to which the value must stay where it is.
#pragma once

#include <string>
#include <vector>

#include "pipeline/run/message_tags.h"
#include "pipeline/run/rank_ops.h"

namespace rockmate {

class RankMessages {
 public:
  RankMessages(const RankContext& context, RankWriter& writer, RankOps& ops)
      : context_(context), writer_(writer), ops_(ops), tags_(context.ops, context.pipeline) {}

  /// An action of the row that communicates; `arrival` of what it sends.
  void run(const StageAction& action, Seconds arrival);
  /// Waits for the sends that have arrived before `time`, in the simulation.
  void finish_sends_before(Seconds time, const std::optional<StageAction>& action);
  void finish_sends();

  /// Single messages, once per iteration; `peer` counts as the transport does.
  void send(const std::string& name, ValueId value, std::size_t peer, std::int64_t tag);
  ValueId receive(const std::string& name, const TensorType& type, std::size_t peer,
                  std::int64_t tag);
  void refresh(const std::string& name, ValueId source, std::size_t peer, std::int64_t tag);

  [[nodiscard]] const MessageTags& tags() const { return tags_; }

 private:
  struct End {
    std::size_t peer = 0;
    std::int64_t tag = 0;
  };
  struct Sending {
    std::string name;
    ValueId value;
    End to;
    Seconds arrival;
  };
  [[nodiscard]] OpId op(const std::string& name, OpKind kind, End end, std::vector<ValueId> inputs,
                        std::vector<ValueId> outputs);
  void start_send(const std::string& name, ValueId value, End to, Seconds arrival,
                  const std::optional<StageAction>& action);
  ValueId post(const std::string& name, const TensorType& type, ValueKind kind, End from,
               const std::optional<StageAction>& action);
  ValueId wait(const std::string& name, ValueId buffer, ValueKind kind, End from,
               const std::optional<StageAction>& action);

  const RankContext& context_;
  RankWriter& writer_;
  RankOps& ops_;
  MessageTags tags_;
  std::vector<Sending> sending_;
  std::map<std::int64_t, ValueId> posted_;  // by tag
};

}  // namespace rockmate
