// The ops of the micro-batch model as they run on one rank, micro-batch by micro-batch. A value is
// known by its number in that model, its micro-batch, and the stage that made or received it; an op
// that runs again is the same op, unless what it made before is on its way to another rank: then
// it makes new values, and those who come later read these.
#pragma once

#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "pipeline/run/rank_writer.h"
#include "pipeline/run/stage_ops.h"

namespace rockmate {

struct RankPlace {
  std::size_t rank = 0;     ///< of the pipeline
  std::size_t replica = 0;  ///< of the pipeline, one of `replicas`
  std::size_t replicas = 1;
};

/// What all parts of a rank's model are made from.
struct RankContext {
  const TrainingModel& model;  ///< of a micro-batch
  const StageOps& ops;
  const Pipeline& pipeline;  ///< with communication
  RankPlace place;

  /// The number of a micro-batch among those of all replicas.
  [[nodiscard]] std::size_t global(std::size_t micro_batch) const {
    return place.replica * pipeline.micro_batches + micro_batch;
  }
  [[nodiscard]] std::size_t all_micro_batches() const {
    return place.replicas * pipeline.micro_batches;
  }
  [[nodiscard]] std::size_t rank_of(std::size_t stage) const { return pipeline.stages[stage].rank; }
  [[nodiscard]] bool is_here(std::size_t stage) const { return rank_of(stage) == place.rank; }
  /// A rank of this replica as the transport counts.
  [[nodiscard]] std::size_t peer(std::size_t rank) const {
    return place.replica * pipeline.rows.size() + rank;
  }
};

class RankOps {
 public:
  RankOps(const RankContext& context, RankWriter& writer);

  /// Where a stage of this rank finds a value; a view that another rank made is made again.
  ValueId at(ValueId v, std::size_t micro_batch, std::size_t stage);
  /// A value that the stage has received.
  void put(ValueId v, std::size_t micro_batch, std::size_t stage, ValueId received);
  /// A source, which is there from the first time that it is asked for.
  ValueId source(ValueId v, std::size_t micro_batch = 0);
  [[nodiscard]] bool has_source(ValueId v) const { return sources_.contains({v, 0}); }

  /// `addend`: a sum of this rank, to which the op adds its first output.
  void run(OpId op, const StageAction& action, std::optional<ValueId> addend = std::nullopt);

  void hold(ValueId sent) { held_.insert(sent); }
  void release(ValueId sent) { held_.erase(sent); }

 private:
  using Key = std::tuple<ValueId, std::size_t, std::size_t>;  // micro-batch, stage
  struct Instance {
    OpId op;
    std::vector<ValueId> inputs, outputs;
  };

  [[nodiscard]] Instance make(OpId op, const StageAction& action, std::vector<ValueId> inputs,
                              bool adds, std::size_t copy);
  [[nodiscard]] ValueId make_output(const Kernel& kernel, ValueId v, ValueId first_input,
                                    const std::string& suffix);
  [[nodiscard]] Kernel kernel_of(OpId op, std::size_t micro_batch) const;

  const RankContext& context_;
  RankWriter& writer_;
  IdVector<ValueId, std::size_t> position_;  // of sources
  std::map<Key, ValueId> values_;
  std::map<std::pair<ValueId, std::size_t>, ValueId> sources_;
  std::map<std::tuple<OpId, std::size_t, std::size_t>, std::pair<Instance, std::size_t>> instances_;
  std::set<ValueId> held_;  // on their way to other ranks
};

}  // namespace rockmate
