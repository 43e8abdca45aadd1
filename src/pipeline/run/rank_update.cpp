// When the row is done, each part of a gradient goes to the rank that updates the parameter. The
// sum passes through the replicas from the first to the last, each adding its own, and the total
// comes back the same way; then come the updates, and new values for the copies of parameters.
// Every rank starts all sends of a kind before it waits for any, and all ranks take parameters in
// one order.
#include "pipeline/run/rank_update.h"

#include <fmt/format.h>

namespace rockmate {

void RankUpdate::run() {
  gather_parts();
  reduce();
  update();
  refresh_copies();
}

void RankUpdate::mark_copies(RankModel& result) const {
  for (std::size_t s = 0; s < result.sources.size(); ++s) {
    result.sources[s].is_owned = !copied_.contains(result.model.sources[s].value);
  }
}

const std::string& RankUpdate::parameter(std::size_t t) const {
  return context_.model.graph[context_.model.trained[t].parameter].name;
}

// Sums of summands, where the parameter is updated.
void RankUpdate::gather_parts() {
  const auto& all = context_.ops.parts();
  for (std::size_t t = 0; t < all.size(); ++t) {
    for (std::size_t p = 0; p < all[t].size() && !owns(t); ++p) {
      if (!context_.is_here(all[t][p].stage)) continue;
      messages_.send(fmt::format("part {} of {} sent", p, parameter(t)), sums_.sum(t, p), owner(t),
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

ValueId RankUpdate::part_of(std::size_t t, std::size_t p) {
  const GradientPart& part = context_.ops.parts()[t][p];
  if (context_.is_here(part.stage)) return sums_.sum(t, p);
  return messages_.receive(
      fmt::format("part {} of {}", p, parameter(t)), context_.model.types[part.value],
      context_.peer(context_.rank_of(part.stage)), messages_.tags().of_part(t, p));
}

void RankUpdate::reduce() {
  for (std::size_t t = 0; t < totals_.size(); ++t) {
    if (totals_[t]) pass_up(t);
  }
  messages_.finish_sends();
  for (std::size_t t = 0; t < totals_.size(); ++t) {
    if (totals_[t]) pass_down(t);
  }
  messages_.finish_sends();
}

void RankUpdate::pass_up(std::size_t t) {
  const RankPlace& place = context_.place;
  const TensorType& type = context_.model.types[context_.model.trained[t].gradient];
  if (place.replica > 0) {
    const ValueId before = messages_.receive(fmt::format("{}.up", parameter(t)), type,
                                             replica_before(), messages_.tags().up(t));
    totals_[t] =
        sums_.add_up(fmt::format("{}.replicas", parameter(t)), before, *totals_[t], std::nullopt);
  }
  if (place.replica + 1 == place.replicas) return;
  messages_.finish_sends();  // of the parameter before
  messages_.send(fmt::format("{}.up sent", parameter(t)), *totals_[t], replica_after(),
                 messages_.tags().up(t));
}

void RankUpdate::pass_down(std::size_t t) {
  const RankPlace& place = context_.place;
  const TensorType& type = context_.model.types[context_.model.trained[t].gradient];
  if (place.replica + 1 < place.replicas) {
    totals_[t] = messages_.receive(fmt::format("{}.down", parameter(t)), type, replica_after(),
                                   messages_.tags().down(t));
  }
  if (place.replica == 0) return;
  messages_.finish_sends();
  messages_.send(fmt::format("{}.down sent", parameter(t)), *totals_[t], replica_before(),
                 messages_.tags().down(t));
}

std::optional<OpId> RankUpdate::update_of(std::size_t t) const {
  for (const OpId reader : context_.model.graph[context_.model.trained[t].gradient].readers) {
    if (context_.model.graph[reader].phase == Phase::kUpdate) return reader;
  }
  return std::nullopt;
}

void RankUpdate::update() {
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

void RankUpdate::run_update(OpId id, const TrainedParameter& trained,
                            const TrainedParameter& here) {
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

// The ranks that read the parameter, or a view of it, and do not update it.
std::set<std::size_t> RankUpdate::copies(std::size_t t) const {
  std::set<std::size_t> ranks;
  if (!update_of(t)) return ranks;
  const TrainingGraph& graph = context_.model.graph;
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const Value& value = graph[ValueId(i)];
    if (value.storage != context_.model.trained[t].parameter) continue;
    for (const OpId reader : value.readers) {
      if (const auto stage = context_.ops.stage_of(reader)) {
        ranks.insert(context_.peer(context_.rank_of(*stage)));
      }
    }
  }
  ranks.erase(owner(t));
  return ranks;
}

void RankUpdate::refresh_copies() {
  std::vector<std::size_t> mine;
  for (std::size_t t = 0; t < totals_.size(); ++t) {
    const ValueId original = context_.model.trained[t].parameter;
    const std::set<std::size_t> ranks = copies(t);
    if (!owns(t)) {
      if (ranks.contains(world_rank())) mine.push_back(t);
      continue;
    }
    for (const std::size_t rank : ranks) {
      messages_.send(fmt::format("{} to rank {}", parameter(t), rank), ops_.source(original), rank,
                     messages_.tags().refresh(t));
    }
  }
  for (const std::size_t t : mine) {
    const ValueId source = ops_.source(context_.model.trained[t].parameter);
    copied_.insert(source);
    messages_.refresh(fmt::format("{} refreshed", parameter(t)), source, owner(t),
                      messages_.tags().refresh(t));
  }
  messages_.finish_sends();
}

}  // namespace rockmate
