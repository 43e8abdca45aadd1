// Where a rank waits until a send is over. The simulation says when each message arrives; the rank
// waits for it before its first action that begins strictly later, or when its row is done. So in
// the simulation's times every wait, of either end, comes no earlier than what it waits for, and
// strictly later for sends: no ranks can wait for each other in a circle, whatever the times really
// are, and with sends that are over only when they have been received.
//
// When the row is done, each part of a gradient goes to the rank that updates the parameter. The
// sum passes through the replicas from the first to the last, each adding its own, and the total
// comes back the same way; then come the updates, and new values for the copies of parameters.
// Every rank starts all sends of a kind before it waits for any, and all ranks take parameters in
// one order.

#include "pipeline/run/rank_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/check.h"
#include "pipeline/run/gradient_sums.h"
#include "pipeline/run/rank_messages.h"

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
    gather_parts();
    reduce();
    update();
    refresh_copies();
    RankModel result = std::move(writer_).finish();
    mark_copies(result);
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
    const bool may_wait = action.verb == StageVerb::kInputGradient && saved_.contains(key);
    for (const OpId op : context_.ops.backward(step.block)) {
      if (may_wait && context_.ops.can_wait(op)) {
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

  [[nodiscard]] const std::string& parameter(std::size_t t) const {
    return context_.model.graph[context_.model.trained[t].parameter].name;
  }
  [[nodiscard]] bool owns(std::size_t t) const { return context_.is_here(context_.ops.owner(t)); }
  [[nodiscard]] std::size_t owner(std::size_t t) const {
    return context_.peer(context_.rank_of(context_.ops.owner(t)));
  }

  // Sums of summands, where the parameter is updated.
  void gather_parts() {
    const auto& all = context_.ops.parts();
    for (std::size_t t = 0; t < all.size(); ++t) {
      for (std::size_t p = 0; p < all[t].size() && !owns(t); ++p) {
        if (!context_.is_here(all[t][p].stage)) continue;
        messages_.send(fmt::format("part {} of {}", p, parameter(t)), sums_.sum(t, p), owner(t),
                       messages_.tags().of_part(t, p));
      }
    }
    totals_.resize(all.size());
    for (std::size_t t = 0; t < all.size(); ++t) {
      for (std::size_t p = 0; p < all[t].size() && owns(t); ++p) {
        const ValueId part = part_of(t, p);
        totals_[t] = totals_[t] ? sums_.add_up(fmt::format("{}.parts{}", parameter(t), p),
                                               *totals_[t], part, std::nullopt)
                                : part;
      }
    }
    messages_.finish_sends();
  }
  [[nodiscard]] ValueId part_of(std::size_t t, std::size_t p) {
    const GradientPart& part = context_.ops.parts()[t][p];
    if (context_.is_here(part.stage)) return sums_.sum(t, p);
    return messages_.receive(
        fmt::format("part {} of {}", p, parameter(t)), context_.model.types[part.value],
        context_.peer(context_.rank_of(part.stage)), messages_.tags().of_part(t, p));
  }

  // The same rank of the neighbouring replica.
  [[nodiscard]] std::size_t replica_before() const {
    return world_rank() - context_.pipeline.rows.size();
  }
  [[nodiscard]] std::size_t replica_after() const {
    return world_rank() + context_.pipeline.rows.size();
  }
  [[nodiscard]] std::size_t world_rank() const { return context_.peer(context_.place.rank); }

  void reduce() {
    const RankPlace& place = context_.place;
    const bool is_last = place.replica + 1 == place.replicas;
    const auto type = [&](std::size_t t) {
      return context_.model.types[context_.model.trained[t].gradient];
    };
    for (std::size_t t = 0; t < totals_.size(); ++t) {
      if (!totals_[t]) continue;
      if (place.replica > 0) {
        const ValueId before = messages_.receive(fmt::format("{}.up", parameter(t)), type(t),
                                                 replica_before(), messages_.tags().up(t));
        totals_[t] = sums_.add_up(fmt::format("{}.replicas", parameter(t)), before, *totals_[t],
                                  std::nullopt);
      }
      if (is_last) continue;
      messages_.finish_sends();  // of the parameter before
      messages_.send(fmt::format("{}.up sent", parameter(t)), *totals_[t], replica_after(),
                     messages_.tags().up(t));
    }
    messages_.finish_sends();
    for (std::size_t t = 0; t < totals_.size() && !is_last; ++t) {
      if (!totals_[t]) continue;
      totals_[t] = messages_.receive(fmt::format("{}.down", parameter(t)), type(t), replica_after(),
                                     messages_.tags().down(t));
      pass_down(t);
    }
    for (std::size_t t = 0; t < totals_.size() && is_last; ++t) {
      if (totals_[t]) pass_down(t);
    }
    messages_.finish_sends();
  }
  void pass_down(std::size_t t) {
    if (context_.place.replica == 0) return;
    messages_.finish_sends();
    messages_.send(fmt::format("{}.down sent", parameter(t)), *totals_[t], replica_before(),
                   messages_.tags().down(t));
  }

  [[nodiscard]] std::optional<OpId> update_of(std::size_t t) const {
    for (const OpId reader : context_.model.graph[context_.model.trained[t].gradient].readers) {
      if (context_.model.graph[reader].phase == Phase::kUpdate) return reader;
    }
    return std::nullopt;
  }

  void update() {
    for (std::size_t t = 0; t < totals_.size(); ++t) {
      if (!totals_[t]) continue;
      const TrainedParameter& trained = context_.model.trained[t];
      TrainedParameter here{ops_.source(trained.parameter), *totals_[t], {}};
      for (const ValueId state : trained.states) here.states.push_back(ops_.source(state));
      if (const auto op = update_of(t)) {
        run_update(*op, trained, here);
      } else {
        writer_.add_result(here.gradient);
      }
      writer_.add_trained(std::move(here));
    }
  }
  void run_update(OpId id, const TrainedParameter& trained, const TrainedParameter& here) {
    const Op& op = context_.model.graph[id];
    Kernel kernel = context_.model.kernels[id];
    for (auto* list : {&kernel.inputs, &kernel.updates}) {
      for (ValueId& v : *list) v = v == trained.gradient ? here.gradient : ops_.source(v);
    }
    const OpId made = writer_.add_op({.name = op.name,
                                      .phase = op.phase,
                                      .seconds = op.seconds(),
                                      .workspace = op.workspace(),
                                      .recomputable = false},
                                     std::move(kernel), {});
    writer_.run(made, std::nullopt);
  }

  // The ranks that have the parameter and do not update it.
  [[nodiscard]] std::set<std::size_t> copies(std::size_t t) const {
    std::set<std::size_t> ranks;
    if (!update_of(t)) return ranks;
    for (const OpId reader : context_.model.graph[context_.model.trained[t].parameter].readers) {
      if (const auto stage = context_.ops.stage_of(reader)) {
        ranks.insert(context_.peer(context_.rank_of(*stage)));
      }
    }
    // Views of it are made where they are read.
    const TrainingGraph& graph = context_.model.graph;
    for (std::size_t i = 0; i < graph.values().size(); ++i) {
      const Value& view = graph[ValueId(i)];
      if (!view.viewed || view.storage != context_.model.trained[t].parameter) continue;
      for (const OpId reader : view.readers) {
        if (const auto stage = context_.ops.stage_of(reader)) {
          ranks.insert(context_.peer(context_.rank_of(*stage)));
        }
      }
    }
    ranks.erase(owner(t));
    return ranks;
  }

  void refresh_copies() {
    std::vector<std::pair<std::size_t, ValueId>> mine;
    for (std::size_t t = 0; t < totals_.size(); ++t) {
      const std::set<std::size_t> ranks = copies(t);
      if (owns(t)) {
        for (const std::size_t rank : ranks) {
          messages_.send(fmt::format("{} to {}", parameter(t), rank),
                         ops_.source(context_.model.trained[t].parameter), rank,
                         messages_.tags().refresh(t));
        }
      } else if (ranks.contains(world_rank())) {
        mine.emplace_back(t, ops_.source(context_.model.trained[t].parameter));
      }
    }
    for (const auto& [t, source] : mine) {
      copied_.insert(source);
      messages_.refresh(fmt::format("{} refreshed", parameter(t)), source, owner(t),
                        messages_.tags().refresh(t));
    }
    messages_.finish_sends();
  }

  void mark_copies(RankModel& result) const {
    for (std::size_t s = 0; s < result.sources.size(); ++s) {
      result.sources[s].is_owned = !copied_.contains(result.model.sources[s].value);
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
  std::vector<std::optional<ValueId>> totals_;            // of the gradients that it owns
  std::set<ValueId> copied_;
};

}  // namespace

RankModel make_rank_model(const RankContext& context, const PipelineTrace& trace,
                          RankWriter::Workspace workspace) {
  return RankModelMaker(context, trace, std::move(workspace)).make();
}

}  // namespace rockmate
