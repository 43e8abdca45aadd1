#include "pipeline/check_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "pipeline/messages.h"

namespace rockmate {
namespace {

// What has been done with one micro-batch on one stage.
enum class Stand : std::uint8_t { kNothing, kForward, kRecomputed, kHalf, kDone };

class Checker {
 public:
  explicit Checker(const Pipeline& pipeline)
      : pipeline_(pipeline),
        stages_(pipeline.stages.size()),
        communicates_(has_communication(pipeline)) {}

  std::optional<Violation> check() {
    if (!check_frame()) return violation_;
    stands_.resize(stages_ * pipeline_.micro_batches);
    sent_.resize(2 * stands_.size());
    posted_.resize(sent_.size());
    waited_.resize(sent_.size());
    for (std::size_t r = 0; r < pipeline_.rows.size(); ++r) {
      for (const StageAction& action : pipeline_.rows[r]) {
        const bool fine = check_place(r, action) &&
                          (is_compute(action.verb) ? compute(r, action) : communicate(r, action));
        if (!fine) return violation_;
      }
    }
    if (check_complete() && communicates_) check_channels();
    return violation_;
  }

 private:
  template <class... Args>
  bool fail(fmt::format_string<Args...> text, Args&&... args) {
    violation_ = {std::nullopt, fmt::format(text, std::forward<Args>(args)...)};
    return false;
  }

  bool check_frame() {
    if (stages_ == 0 || pipeline_.micro_batches == 0) {
      return fail("found {} stages and {} micro-batches, expected at least 1 of each", stages_,
                  pipeline_.micro_batches);
    }
    const std::size_t ranks = pipeline_.cluster.devices.size();
    if (pipeline_.rows.size() != ranks) {
      return fail("found {} rows for {} devices, expected one for each", pipeline_.rows.size(),
                  ranks);
    }
    for (std::size_t s = 0; s < stages_; ++s) {
      const PipelineStage& stage = pipeline_.stages[s];
      if (stage.rank >= ranks) {
        return fail("stage {}: rank {} is not there, there are {} devices", s, stage.rank, ranks);
      }
      if (stage.strategies.empty()) return fail("stage {}: found no strategy", s);
    }
    if (!check_sizes()) return false;
    // Each micro-batch needs a forward and a backward on each stage: fewer actions than that are
    // refused before tables of that size are made.
    std::size_t actions = 0;
    for (const PipelineRow& row : pipeline_.rows) actions += row.size();
    if (actions / 2 / stages_ < pipeline_.micro_batches) {
      return fail(
          "found {} actions, expected a forward and a backward of {} micro-batches on {} "
          "stages",
          actions, pipeline_.micro_batches, stages_);
    }
    return true;
  }

  // No sum of bytes that the simulator makes may overflow.
  bool check_sizes() {
    constexpr double kMost = 4e18;
    double bytes = 0;
    const auto m = static_cast<double>(pipeline_.micro_batches);
    const auto add = [&bytes](Bytes more, double times) {
      bytes += static_cast<double>(more.count()) * times;
      return more >= Bytes();
    };
    bool is_sane = true;
    for (const PipelineStage& stage : pipeline_.stages) {
      is_sane = is_sane && add(stage.static_bytes, 1) && add(stage.input, 2 * m) &&
                add(stage.input_gradient, 2 * m);
      for (const StageStrategy& x : stage.strategies) {
        is_sane = is_sane && add(x.saved, m) && add(x.forward_peak, m) && add(x.recomputed, m) &&
                  add(x.backward_peak, m) && add(x.for_weights, m);
      }
    }
    if (is_sane && bytes < kMost) return true;
    return fail("found sizes that are negative or add up to {} bytes, expected less than {}", bytes,
                kMost);
  }

  bool check_place(std::size_t rank, const StageAction& action) {
    const std::string name = to_string(action);
    if (action.stage >= stages_) {
      return fail("rank {}: {}: there are {} stages, counted from 0", rank, name, stages_);
    }
    if (action.micro_batch >= pipeline_.micro_batches) {
      return fail("rank {}: {}: there are {} micro-batches, counted from 0", rank, name,
                  pipeline_.micro_batches);
    }
    const PipelineStage& stage = pipeline_.stages[action.stage];
    if (stage.rank != rank) {
      return fail("rank {}: {}: stage {} lives on rank {}", rank, name, action.stage, stage.rank);
    }
    const bool is_forward = action.verb == StageVerb::kForward;
    if (action.strategy >= (is_forward ? stage.strategies.size() : 1)) {
      return fail("rank {}: {}: {}", rank, name,
                  is_forward ? fmt::format("stage {} has {} strategies, counted from 0",
                                           action.stage, stage.strategies.size())
                             : "the forward alone names a strategy");
    }
    return true;
  }

  Stand& stand(const StageAction& action) {
    return stands_[action.stage * pipeline_.micro_batches + action.micro_batch];
  }

  bool compute(std::size_t rank, const StageAction& action) {
    Stand& now = stand(action);
    const auto fits = [&]() -> std::optional<Stand> {
      const bool is_ready = now == Stand::kForward || now == Stand::kRecomputed;
      switch (action.verb) {
        case StageVerb::kForward:
          return now == Stand::kNothing ? std::optional(Stand::kForward) : std::nullopt;
        case StageVerb::kRecompute:
          return now == Stand::kForward ? std::optional(Stand::kRecomputed) : std::nullopt;
        case StageVerb::kBackward:
          return is_ready ? std::optional(Stand::kDone) : std::nullopt;
        case StageVerb::kInputGradient:
          return is_ready ? std::optional(Stand::kHalf) : std::nullopt;
        default:
          return now == Stand::kHalf ? std::optional(Stand::kDone) : std::nullopt;
      }
    }();
    if (!fits) {
      return fail("rank {}: {} is out of turn, expected one F, then at most one R, then B or I, W",
                  rank, to_string(action));
    }
    now = *fits;
    return check_read(rank, action);
  }

  // A message from another stage of the rank must have been made, one from another rank received.
  bool check_read(std::size_t rank, const StageAction& action) {
    const auto read = read_by(action, stages_);
    if (!read) return true;
    if (crosses_ranks(*read, pipeline_)) {
      if (!communicates_ || waited_[index_of(*read, pipeline_)]) return true;
      return fail("rank {}: {} reads what it has not waited for, expected {} before it", rank,
                  to_string(action), to_string(wait_of(*read)));
    }
    const StageAction maker = {StageVerb::kForward, read->from_stage(), read->micro_batch, 0};
    const Stand made = stand(maker);
    if (read->is_gradient ? made >= Stand::kHalf : made >= Stand::kForward) return true;
    return fail("deadlock: rank {}: {} waits for {}{}.{}, which comes after it on the same rank",
                rank, to_string(action), read->is_gradient ? "B" : "F", read->from_stage(),
                read->micro_batch);
  }

  bool communicate(std::size_t rank, const StageAction& action) {
    const std::string name = to_string(action);
    const bool up = action.verb == StageVerb::kSendActivation ||
                    action.verb == StageVerb::kPostGradient ||
                    action.verb == StageVerb::kWaitGradient;
    if (up ? action.stage + 1 >= stages_ : action.stage == 0) {
      return fail("rank {}: {}: there is no stage at the other end", rank, name);
    }
    const Message message = message_of(action);
    if (!crosses_ranks(message, pipeline_)) {
      return fail("rank {}: {}: both stages live on this rank, nothing is sent", rank, name);
    }
    const std::size_t i = index_of(message, pipeline_);
    const std::size_t other =
        pipeline_.stages[action.stage == message.to_stage ? message.from_stage() : message.to_stage]
            .rank;
    switch (action.verb) {
      case StageVerb::kSendActivation:
      case StageVerb::kSendGradient:
        if (stand(action) < (message.is_gradient ? Stand::kHalf : Stand::kForward)) {
          return fail("rank {}: {} sends what has not been made", rank, name);
        }
        channels_[{rank, other}].sent.push_back(message);
        return once(sent_, i, rank, name);
      case StageVerb::kPostActivation:
      case StageVerb::kPostGradient:
        channels_[{other, rank}].posted.push_back(message);
        return once(posted_, i, rank, name);
      default:
        if (!posted_[i]) {
          return fail("rank {}: {} comes before {}", rank, name, to_string(post_of(message)));
        }
        return once(waited_, i, rank, name);
    }
  }

  bool once(std::vector<bool>& done, std::size_t i, std::size_t rank, const std::string& name) {
    if (done[i]) return fail("rank {}: {} stands twice", rank, name);
    done[i] = true;
    return true;
  }

  bool check_complete() {
    for (std::size_t s = 0; s < stages_; ++s) {
      for (std::size_t k = 0; k < pipeline_.micro_batches; ++k) {
        const Stand stand = stands_[s * pipeline_.micro_batches + k];
        if (stand == Stand::kDone) continue;
        return fail("rank {}: stage {}, micro-batch {}: found {}", pipeline_.stages[s].rank, s, k,
                    stand == Stand::kNothing ? "no forward"
                    : stand == Stand::kHalf  ? "I without W"
                                             : "no backward");
      }
    }
    return true;
  }

  // What is read was waited for, what was waited for was posted: it has to be sent as well.
  void check_channels() {
    for (const auto& [ends, channel] : channels_) {
      const std::size_t both = std::min(channel.sent.size(), channel.posted.size());
      for (std::size_t i = 0; i < both; ++i) {
        if (channel.sent[i] == channel.posted[i]) continue;
        fail(
            "from rank {} to rank {}: message {} is sent by {} but received by {}: both ends "
            "need the same order",
            ends.first, ends.second, i, to_string(send_of(channel.sent[i])),
            to_string(post_of(channel.posted[i])));
        return;
      }
      if (channel.sent.size() == channel.posted.size()) continue;
      fail("from rank {} to rank {}: {} messages are sent but {} received", ends.first, ends.second,
           channel.sent.size(), channel.posted.size());
      return;
    }
  }

  struct Channel {
    std::vector<Message> sent, posted;
  };

  const Pipeline& pipeline_;
  std::size_t stages_;
  bool communicates_;
  std::vector<Stand> stands_;                 // by stage, micro-batch
  std::vector<bool> sent_, posted_, waited_;  // by message
  std::map<std::pair<std::size_t, std::size_t>, Channel> channels_;
  std::optional<Violation> violation_;
};

}  // namespace

bool has_communication(const Pipeline& pipeline) {
  return std::any_of(pipeline.rows.begin(), pipeline.rows.end(), [](const PipelineRow& row) {
    return std::any_of(row.begin(), row.end(),
                       [](const StageAction& a) { return !is_compute(a.verb); });
  });
}

std::optional<Violation> check_structure(const Pipeline& pipeline) {
  return Checker(pipeline).check();
}

}  // namespace rockmate
