// A moment: the first run of an op t. What has run before it in every schedule, what runs after it,
// and what lives during it. The bounds on memory and on time both stand on these facts, each of
// which holds for every valid schedule.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "rockmate/training_graph.h"

namespace rockmate {

/// By op: ops that have run, in every schedule, before it runs first. Their closure are its
/// ancestors: who makes an input of it, or adds to a sum just before it does, or reads a source
/// that it updates and stands before it (and could not read it afterwards).
using Ancestors = IdVector<OpId, std::vector<OpId>>;
[[nodiscard]] Ancestors direct_ancestors(const TrainingGraph& graph);

/// The storages that live during a first run of the op wherever it stands, sources apart: of its
/// inputs, its outputs that are neither optional nor possibly in place (of several outputs that
/// could take over one and the same input, all but the largest), and the sums it adds into.
[[nodiscard]] std::set<ValueId> live_during(const TrainingGraph& graph, OpId op);

[[nodiscard]] Bytes least_workspace(const Op& op);
[[nodiscard]] Seconds least_seconds(const Op& op);

/// What a bound on time needs to know of a graph, whatever the moment.
struct MomentFacts {
  explicit MomentFacts(const TrainingGraph& training_graph);

  const TrainingGraph& graph;
  Ancestors before;
  IdVector<OpId, std::vector<OpId>> after;  ///< `before`, read the other way
  /// By op: storages with bytes of their own, sources apart, that it needs.
  IdVector<OpId, std::vector<ValueId>> needs;
  /// By op: ops after whose (only) run it cannot run, since they update a source that it reads.
  IdVector<OpId, std::vector<OpId>> barriers;
  IdVector<OpId, double> seconds;        ///< least of its implementations
  std::vector<ValueId> storages;         ///< with bytes of their own, sources apart
  std::vector<ValueId> result_storages;  ///< those of them that live at the end
  Seconds fastest;                       ///< every op once

  /// Whose run makes the storage: the producer of its value, or the first op to add to a sum.
  [[nodiscard]] OpId maker(ValueId storage) const;
  [[nodiscard]] bool is_sum(ValueId storage) const { return !graph[storage].contributors.empty(); }
};

/// Where an op's first run stands, relative to the moment, in every schedule.
enum class Side : std::uint8_t { kBefore, kAfter, kEither };

struct Moment {
  Moment(const MomentFacts& facts, OpId op);
  /// What may be kept beside `fixed`, rounded down to what sums of sizes can reach.
  [[nodiscard]] Bytes room(Bytes budget) const;

  OpId op;
  IdVector<OpId, Side> side;  ///< kBefore for `op` itself
  std::set<ValueId> live;     ///< see live_during
  std::set<ValueId> free;     ///< outputs of `op` that cost no bytes of their own: maybe in place
  Bytes fixed;                ///< static bytes, `live` and the least workspace
  Bytes unit = Bytes(1);      ///< the sizes of all that may be kept besides are multiples of it
};

}  // namespace rockmate
