// From compute actions to sends and receives. A send follows the action that makes its message, a
// wait precedes the one that reads it. A receive is posted before the action *before* that one, so
// that a message which has been sent arrives while the rank computes, and at the price of one more
// buffer; posting each at its sender's position instead makes later receives queue behind earlier
// ones that are not wanted yet. On each channel (from one rank to another) receives are posted in
// the order of the sends, as a transport that matches them in order needs it.

#include <map>
#include <utility>

#include "base/check.h"
#include "pipeline/messages.h"

namespace rockmate {
namespace {

struct Channel {
  std::vector<Message> sent;  // in the sender's order
  std::size_t posted = 0;
};

class Lowering {
 public:
  explicit Lowering(const Pipeline& pipeline) : pipeline_(pipeline) {
    place_.resize(2 * pipeline.stages.size() * pipeline.micro_batches);
    for (std::size_t r = 0; r < pipeline.rows.size(); ++r) {
      for (const StageAction& a : pipeline.rows[r]) {
        ROCKMATE_CHECK(is_compute(a.verb), "the rows have their communication");
        const auto message = crossing(made_by(a, pipeline.stages.size()));
        if (!message) continue;
        auto& sent = channels_[{r, pipeline.stages[message->to_stage].rank}].sent;
        place_[index_of(*message, pipeline)] = sent.size();
        sent.push_back(*message);
      }
    }
  }

  PipelineRow lower(const PipelineRow& row) {
    PipelineRow lowered;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto needed = needed_by(row[i]);
      if (needed) post_up_to(*needed, lowered);
      if (i + 1 < row.size()) {
        if (const auto next = needed_by(row[i + 1])) post_up_to(*next, lowered);
      }
      if (needed) lowered.push_back(wait_of(*needed));
      lowered.push_back(row[i]);
      if (const auto made = crossing(made_by(row[i], pipeline_.stages.size()))) {
        lowered.push_back(send_of(*made));
      }
    }
    return lowered;
  }

 private:
  [[nodiscard]] std::optional<Message> crossing(std::optional<Message> message) const {
    return message && crosses_ranks(*message, pipeline_) ? message : std::nullopt;
  }
  [[nodiscard]] std::optional<Message> needed_by(const StageAction& action) const {
    return crossing(read_by(action, pipeline_.stages.size()));
  }
  void post_up_to(const Message& message, PipelineRow& row) {
    Channel& channel = channels_[{pipeline_.stages[message.from_stage()].rank,
                                  pipeline_.stages[message.to_stage].rank}];
    const std::size_t place = place_[index_of(message, pipeline_)];
    for (; channel.posted <= place; ++channel.posted) {
      row.push_back(post_of(channel.sent[channel.posted]));
    }
  }

  const Pipeline& pipeline_;
  std::map<std::pair<std::size_t, std::size_t>, Channel> channels_;
  std::vector<std::size_t> place_;  // message -> its place on its channel
};

}  // namespace

Pipeline with_communication(const Pipeline& pipeline) {
  Pipeline lowered = pipeline;
  Lowering lowering(pipeline);
  for (PipelineRow& row : lowered.rows) row = lowering.lower(row);
  return lowered;
}

}  // namespace rockmate
