// The rows run as a real program would run them: each rank does its actions in order, and stops
// only where it waits for a message. A message starts on its way when it has been sent, its receive
// has been posted, and the one before it on the same channel has left the link; it takes bytes /
// bandwidth on the link and arrives `latency` later. As every start is the latest of earlier ends,
// the times do not depend on the order in which ranks are looked at: each rank runs as far as it
// gets, and a message that arrives wakes the rank which waits for it. If nothing is left to wake,
// the waiting ranks form a circle: a deadlock.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/check.h"
#include "pipeline/check_rows.h"
#include "pipeline/memory_ledger.h"
#include "pipeline/messages.h"

namespace rockmate {
namespace {

struct Channel {
  struct End {
    Seconds time;
    std::size_t action = 0;  // place in the row
  };
  PipelineLink link;
  std::vector<Message> messages;  // in the order of the sends
  std::vector<End> sends, posts;
  std::size_t moved = 0;
  Seconds free;  // when the link is
};

class Execution {
 public:
  explicit Execution(const Pipeline& pipeline)
      : pipeline_(pipeline),
        stages_(pipeline.stages.size()),
        arrivals_(2 * stages_ * pipeline.micro_batches),
        strategies_(stages_ * pipeline.micro_batches),
        recomputed_(strategies_.size()),
        ranks_(pipeline.rows.size()) {
    trace_.ranks.resize(ranks_.size());
    for (const PipelineStage& stage : pipeline.stages) {
      trace_.ranks[stage.rank].static_bytes += stage.static_bytes;
    }
  }

  Expected<PipelineTrace, Violation> run() && {
    for (std::size_t r = 0; r < ranks_.size(); ++r) awake_.push_back(r);
    while (!awake_.empty()) {
      const std::size_t rank = awake_.back();
      awake_.pop_back();
      advance(rank);
    }
    for (std::size_t r = 0; r < ranks_.size(); ++r) {
      if (ranks_[r].next < pipeline_.rows[r].size()) return Unexpected{deadlock(r)};
    }
    finish();
    if (!std::isfinite(trace_.makespan.count())) {
      return Unexpected{Violation{std::nullopt, "the times add up to more than a number holds"}};
    }
    return std::move(trace_);
  }

 private:
  struct Rank {
    std::size_t next = 0;  // place in its row
    Seconds now;
    MemoryLedger memory;
  };

  void advance(std::size_t r) {
    Rank& rank = ranks_[r];
    const PipelineRow& row = pipeline_.rows[r];
    for (; rank.next < row.size(); ++rank.next) {
      const StageAction& action = row[rank.next];
      if (is_compute(action.verb)) {
        compute(r, action);
        continue;
      }
      const Message message = message_of(action);
      switch (action.verb) {
        case StageVerb::kSendActivation:
        case StageVerb::kSendGradient: {
          Channel& channel = channel_of(message);
          channel.messages.push_back(message);
          channel.sends.push_back({rank.now, rank.next});
          move(channel);
          break;
        }
        case StageVerb::kPostActivation:
        case StageVerb::kPostGradient: {
          Channel& channel = channel_of(message);
          channel.posts.push_back({rank.now, rank.next});
          rank.memory.add(rank.now, rank.next, bytes_of(message, pipeline_));
          move(channel);
          break;
        }
        default: {
          const auto& arrival = arrivals_[index_of(message, pipeline_)];
          if (!arrival) return;
          rank.now = std::max(rank.now, *arrival);
        }
      }
    }
  }

  Channel& channel_of(const Message& message) {
    const std::size_t from = pipeline_.stages[message.from_stage()].rank;
    const std::size_t to = pipeline_.stages[message.to_stage].rank;
    const auto [found, is_new] = channels_.try_emplace({from, to});
    if (is_new) found->second.link = pipeline_.cluster.link(from, to);
    return found->second;
  }

  void move(Channel& channel) {
    while (channel.moved < std::min(channel.sends.size(), channel.posts.size())) {
      const std::size_t i = channel.moved++;
      const Message& message = channel.messages[i];
      const Bytes bytes = bytes_of(message, pipeline_);
      const Seconds start = std::max({channel.sends[i].time, channel.posts[i].time, channel.free});
      channel.free =
          start + Seconds(static_cast<double>(bytes.count()) / channel.link.bytes_per_second);
      const Seconds arrival = channel.free + channel.link.latency;
      arrivals_[index_of(message, pipeline_)] = arrival;
      trace_.transfers.push_back(
          {send_of(message), channel.link.from, channel.link.to, start, arrival});
      ranks_[channel.link.from].memory.add(arrival, channel.sends[i].action, Bytes() - bytes);
      awake_.push_back(channel.link.to);
    }
  }

  void compute(std::size_t r, const StageAction& action) {
    Rank& rank = ranks_[r];
    const std::size_t place = action.stage * pipeline_.micro_batches + action.micro_batch;
    if (action.verb == StageVerb::kForward) strategies_[place] = action.strategy;
    const StageStrategy& strategy = pipeline_.stages[action.stage].strategies[strategies_[place]];
    const bool was_recomputed = recomputed_[place];
    if (action.verb == StageVerb::kRecompute) recomputed_[place] = true;

    const double seconds = duration(action.verb, strategy, was_recomputed).count() /
                           pipeline_.cluster.devices[r].speed;
    const Seconds start = rank.now;
    rank.now += Seconds(seconds);
    trace_.ranks[r].actions.push_back({action, start, rank.now});
    trace_.ranks[r].busy += Seconds(seconds);

    const auto [before, during, after] = bytes_around(action.verb, strategy, was_recomputed);
    rank.memory.add(start, rank.next, during - before);
    // What it makes for another stage is part of its own peak until it ends.
    rank.memory.add(rank.now, rank.next, after - during);
    if (const auto made = made_by(action, stages_)) {
      rank.memory.add(rank.now, rank.next, bytes_of(*made, pipeline_));
    }
    const bool is_last =
        action.verb == StageVerb::kBackward || action.verb == StageVerb::kWeightGradient;
    if (is_last) rank.memory.add(rank.now, rank.next, Bytes() - received(action));
  }

  [[nodiscard]] static Seconds duration(StageVerb verb, const StageStrategy& strategy,
                                        bool was_recomputed) {
    const Seconds recompute = was_recomputed ? Seconds() : strategy.recompute;
    switch (verb) {
      case StageVerb::kForward:
        return strategy.forward;
      case StageVerb::kRecompute:
        return strategy.recompute;
      case StageVerb::kInputGradient:
        return recompute + strategy.input_gradient;
      case StageVerb::kWeightGradient:
        return strategy.weight_gradient;
      default:
        return recompute + strategy.input_gradient + strategy.weight_gradient;
    }
  }

  struct Around {
    Bytes before, during, after;
  };
  [[nodiscard]] static Around bytes_around(StageVerb verb, const StageStrategy& strategy,
                                           bool was_recomputed) {
    const Bytes recomputed = std::max(strategy.saved, strategy.recomputed);
    const Bytes held = was_recomputed ? recomputed : strategy.saved;
    const Bytes backward_peak = std::max(held, strategy.backward_peak);
    switch (verb) {
      case StageVerb::kForward:
        return {Bytes(), std::max(strategy.saved, strategy.forward_peak), strategy.saved};
      case StageVerb::kRecompute:
        return {strategy.saved, recomputed, recomputed};
      case StageVerb::kInputGradient:
        return {held, backward_peak, strategy.for_weights};
      case StageVerb::kWeightGradient:
        return {strategy.for_weights, strategy.for_weights, Bytes()};
      default:
        return {held, backward_peak, Bytes()};
    }
  }

  // The buffers that a stage holds for a micro-batch until its backward is done.
  [[nodiscard]] Bytes received(const StageAction& action) const {
    Bytes bytes;
    if (action.stage > 0) {
      bytes += bytes_of(Message{false, action.stage, action.micro_batch}, pipeline_);
    }
    if (action.stage + 1 < stages_) {
      bytes += bytes_of(Message{true, action.stage, action.micro_batch}, pipeline_);
    }
    return bytes;
  }

  void finish() {
    for (const PipelineStage& stage : pipeline_.stages) {
      const Seconds seconds(stage.update.count() / pipeline_.cluster.devices[stage.rank].speed);
      ranks_[stage.rank].now += seconds;
      trace_.ranks[stage.rank].busy += seconds;
    }
    for (std::size_t r = 0; r < ranks_.size(); ++r) {
      trace_.makespan = std::max(trace_.makespan, ranks_[r].now);
      std::move(ranks_[r].memory).close(trace_.ranks[r]);
    }
    std::stable_sort(
        trace_.transfers.begin(), trace_.transfers.end(),
        [](const TimedTransfer& x, const TimedTransfer& y) { return x.start < y.start; });
  }

  // A rank waits for a message that its sender has not sent: the sender waits as well. So the walk
  // from any of them ends in a circle.
  [[nodiscard]] Violation deadlock(std::size_t rank) const {
    std::vector<std::size_t> walk;
    while (std::find(walk.begin(), walk.end(), rank) == walk.end()) {
      walk.push_back(rank);
      rank = pipeline_.stages[awaited(rank).from_stage()].rank;
    }
    walk.erase(walk.begin(), std::find(walk.begin(), walk.end(), rank));
    constexpr std::size_t kShown = 8;
    std::string text = "deadlock: ";
    for (std::size_t i = 0; i < walk.size(); ++i) {
      if (i == kShown) {
        text += fmt::format(", and so on, {} ranks in all", walk.size());
        break;
      }
      const Message message = awaited(walk[i]);
      text += fmt::format("{}rank {} waits at {} for {} of rank {}", i == 0 ? "" : ", ", walk[i],
                          reader_at(walk[i]), maker_of(message),
                          pipeline_.stages[message.from_stage()].rank);
    }
    return {std::nullopt, text};
  }
  [[nodiscard]] Message awaited(std::size_t rank) const {
    return message_of(pipeline_.rows[rank][ranks_[rank].next]);
  }
  // The next action that computes: it is what people wrote.
  [[nodiscard]] std::string reader_at(std::size_t rank) const {
    const PipelineRow& row = pipeline_.rows[rank];
    const auto next = std::find_if(row.begin() + static_cast<std::ptrdiff_t>(ranks_[rank].next),
                                   row.end(), [](const auto& a) { return is_compute(a.verb); });
    return next == row.end() ? "its end" : to_string(*next);
  }
  [[nodiscard]] std::string maker_of(const Message& message) const {
    const PipelineRow& row = pipeline_.rows[pipeline_.stages[message.from_stage()].rank];
    const auto maker = std::find_if(row.begin(), row.end(), [&](const StageAction& a) {
      return made_by(a, stages_) == message;
    });
    return to_string(*maker);
  }

  const Pipeline& pipeline_;
  std::size_t stages_;
  std::vector<std::optional<Seconds>> arrivals_;  // by message
  std::vector<std::uint32_t> strategies_;         // by stage, micro-batch
  std::vector<bool> recomputed_;
  std::vector<Rank> ranks_;
  std::map<std::pair<std::size_t, std::size_t>, Channel> channels_;
  std::vector<std::size_t> awake_;
  PipelineTrace trace_;
};

Expected<PipelineTrace, Violation> run_checked(const Pipeline& pipeline) {
  if (has_communication(pipeline)) return Execution(pipeline).run();
  const Pipeline lowered = with_communication(pipeline);
  return Execution(lowered).run();
}

}  // namespace

double PipelineTrace::bubble_ratio() const {
  if (makespan <= Seconds()) return 0;
  Seconds busy;
  for (const RankTrace& rank : ranks) busy += rank.busy;
  return 1 - busy.count() / (makespan.count() * static_cast<double>(ranks.size()));
}

std::optional<Violation> check_rows(const Pipeline& pipeline) {
  if (auto violation = check_structure(pipeline)) return violation;
  const auto trace = run_checked(pipeline);
  return trace ? std::nullopt : std::optional(trace.error());
}

Expected<PipelineTrace, Violation> simulate(const Pipeline& pipeline) {
  check_cluster(pipeline.cluster, "the cluster");
  if (auto violation = check_structure(pipeline)) return Unexpected{*std::move(violation)};
  return run_checked(pipeline);
}

std::optional<Violation> check_memory(const Pipeline& pipeline, const PipelineTrace& trace) {
  for (std::size_t r = 0; r < trace.ranks.size(); ++r) {
    const Bytes memory = pipeline.cluster.devices[r].memory;
    if (trace.ranks[r].peak <= memory) continue;
    return Violation{std::nullopt,
                     fmt::format("rank {}: the peak of {} bytes exceeds the device's {} bytes", r,
                                 trace.ranks[r].peak.count(), memory.count())};
  }
  return std::nullopt;
}

}  // namespace rockmate
