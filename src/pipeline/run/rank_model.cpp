// Where a rank waits until a send is over. The simulation says when each message arrives; the rank
// waits for it before its first action that begins strictly later, or when its row is done. So in
// the simulation's times every wait, of either end, comes no earlier than what it waits for, and
// strictly later for sends: no ranks can wait for each other in a circle, whatever the times really
// are, and with sends that are over only when they have been received.

#include "pipeline/run/rank_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/check.h"
#include "pipeline/run/gradient_sums.h"
#include "pipeline/run/rank_messages.h"
#include "pipeline/run/rank_update.h"

namespace rockmate {
namespace {

class RankModelMaker {
 public:
  RankModelMaker(const RankContext& context, const PipelineTrace& trace,
                 RankWriter::Workspace workspace)
      : context_(context),
        trace_(trace.ranks[context.place.rank]),
        arrivals_(2 * context.pipeline.stages.size() * context.pipeline.micro_batches),
        writer_(context.model.graph.name(), std::move(workspace)),
        ops_(context, writer_),
        messages_(context, writer_, ops_),
        sums_(context, writer_) {
    for (const TimedTransfer& transfer : trace.transfers) {
      arrivals_[index_of(message_of(transfer.sent), context.pipeline)] = transfer.end;
    }
  }

  RankModel make() && {
    std::size_t computed = 0;
    for (const StageAction& action : context_.pipeline.rows[context_.place.rank]) {
      if (is_compute(action.verb)) {
        messages_.finish_sends_before(trace_.actions[computed++].start, action);
        compute(action);
      } else {
        messages_.run(action, arrivals_[index_of(message_of(action), context_.pipeline)]);
      }
    }
    messages_.finish_sends();
    RankUpdate update(context_, writer_, ops_, messages_, sums_);
    update.run();
    RankModel result = std::move(writer_).finish();
    update.mark_copies(result);
    return result;
  }

 private:
  using Steps = std::vector<StageStep>;

  [[nodiscard]] const Steps& steps_of(const StageAction& action) const {
    const auto& strategies = context_.pipeline.stages[action.stage].strategies;
    return strategies[strategy_.at({action.stage, action.micro_batch})].steps;
  }

  // A strategy's steps fall into the forward, what is computed again before the first backward, and
  // the rest. Each action does the next ones.
  void compute(const StageAction& action) {
    const std::pair<std::size_t, std::size_t> key{action.stage, action.micro_batch};
    if (action.verb == StageVerb::kForward) strategy_[key] = action.strategy;
    if (action.verb == StageVerb::kWeightGradient) {
      for (const OpId op : waiting_[key]) run_backward(op, action);
      waiting_.erase(key);
      return;
    }
    const Steps& steps = steps_of(action);
    std::size_t& next = next_step_[key];
    for (; next < steps.size(); ++next) {
      const StageStep& step = steps[next];
      if (action.verb == StageVerb::kForward && step.kind == StageStepKind::kReceiveGradient) {
        ++next;
        return;
      }
      if (action.verb == StageVerb::kRecompute && step.kind == StageStepKind::kBackward) return;
      run(step, action);
    }
  }

  void run(const StageStep& step, const StageAction& action) {
    const std::tuple key(action.micro_batch, step.block);
    if (step.kind == StageStepKind::kPass || step.kind == StageStepKind::kSave) {
      if (step.kind == StageStepKind::kSave && action.verb == StageVerb::kForward) {
        saved_.insert(key);
      }
      for (const OpId op : context_.ops.forward(step.block)) {
        // What only updates statistics does so once.
        const bool is_first = done_.insert({op, action.micro_batch}).second;
        if (is_first || !context_.model.kernels[op].outputs.empty()) run_forward(op, action);
      }
    }
    if (step.kind != StageStepKind::kBackward) return;
    const bool may_wait =
        action.verb == StageVerb::kInputGradient && saved_.contains(key) && step.runs.empty();
    for (const OpId op : context_.ops.backward(step)) {
      if (context_.ops.is_forward(op)) {
        run_forward(op, action);
      } else if (may_wait && context_.ops.can_wait(op)) {
        waiting_[{action.stage, action.micro_batch}].push_back(op);
      } else {
        run_backward(op, action);
      }
    }
  }

  void run_forward(OpId op, const StageAction& action) { ops_.run(op, action); }

  void run_backward(OpId op, const StageAction& action) {
    const auto addend = sums_.addend(op, action);
    ops_.run(op, action, addend);
    sums_.add(op, action, ops_, addend.has_value());
    for (const ValueId v : context_.model.kernels[op].outputs) {
      for (const WeightedLoss& loss : context_.model.losses) {
        if (loss.value != v) continue;
        writer_.add_loss(ops_.at(v, action.micro_batch, action.stage),
                         loss.weight / static_cast<double>(context_.all_micro_batches()));
      }
    }
  }

  const RankContext& context_;
  const RankTrace& trace_;
  std::vector<Seconds> arrivals_;  // by message
  RankWriter writer_;
  RankOps ops_;
  RankMessages messages_;
  GradientSums sums_;
  std::map<std::pair<std::size_t, std::size_t>, std::uint32_t> strategy_;  // stage, micro-batch
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> next_step_;
  std::map<std::pair<std::size_t, std::size_t>, std::vector<OpId>> waiting_;
  std::set<std::pair<OpId, std::size_t>> done_;           // op, micro-batch
  std::set<std::tuple<std::size_t, std::size_t>> saved_;  // micro-batch, block
};

}  // namespace

RankModel make_rank_model(const RankContext& context, const PipelineTrace& trace,
                          RankWriter::Workspace workspace) {
  return RankModelMaker(context, trace, std::move(workspace)).make();
}

}  // namespace rockmate
