// The end of a rank's iteration: gradients become whole, parameters change, copies follow.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "pipeline/run/gradient_sums.h"
#include "pipeline/run/rank_messages.h"

namespace rockmate {

class RankUpdate {
 public:
  /// Writes behind the row, which is done. All of them outlive the update.
  RankUpdate(const RankContext& context, RankWriter& writer, RankOps& ops, RankMessages& messages,
             GradientSums& sums)
      : context_(context), writer_(writer), ops_(ops), messages_(messages), sums_(sums) {}

  void run();
  /// Says which of the rank's sources are copies of what another rank updates.
  void mark_copies(RankModel& result) const;

 private:
  void gather_parts();
  void reduce();
  void update();
  void refresh_copies();

  [[nodiscard]] const std::string& parameter(std::size_t t) const;
  [[nodiscard]] bool owns(std::size_t t) const { return context_.is_here(context_.ops.owner(t)); }
  [[nodiscard]] std::size_t owner(std::size_t t) const {
    return context_.peer(context_.rank_of(context_.ops.owner(t)));
  }
  [[nodiscard]] std::size_t world_rank() const { return context_.peer(context_.place.rank); }
  /// The same rank of the neighbouring replica.
  [[nodiscard]] std::size_t replica_before() const {
    return world_rank() - context_.pipeline.rows.size();
  }
  [[nodiscard]] std::size_t replica_after() const {
    return world_rank() + context_.pipeline.rows.size();
  }
  [[nodiscard]] ValueId part_of(std::size_t t, std::size_t p);
  void pass_up(std::size_t t);
  void pass_down(std::size_t t);
  [[nodiscard]] std::optional<OpId> update_of(std::size_t t) const;
  void run_update(OpId id, const TrainedParameter& trained, const TrainedParameter& here);
  [[nodiscard]] std::set<std::size_t> copies(std::size_t t) const;

  const RankContext& context_;
  RankWriter& writer_;
  RankOps& ops_;
  RankMessages& messages_;
  GradientSums& sums_;
  std::vector<std::optional<ValueId>> totals_;  // of the gradients that it owns
  std::set<ValueId> copied_;
};

}  // namespace rockmate
