// Writes down a rank's part of a pipeline as a training model of its own: values, ops with their
// kernels, and the order in which they run. Ops are added in the order of their first run, which is
// the program order of the graph.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rockmate/pipeline.h"
#include "rockmate/training_model.h"
#include "schedule/runs.h"

namespace rockmate {

/// A source of a rank, as the micro-batch model has it.
struct RankSource {
  std::size_t position = 0;                ///< among the sources of that model
  std::optional<std::size_t> micro_batch;  ///< of data: through all replicas
  bool is_owned = true;                    ///< else a copy of what another rank updates
};

struct RankModel {
  TrainingModel model;
  Runs runs;
  std::vector<std::optional<StageAction>> actions;  ///< to which each run belongs; none: the update
  std::vector<RankSource> sources;                  ///< as TrainingModel::sources
};

class RankWriter {
 public:
  using Workspace = std::function<Bytes(const KernelSpec&)>;
  RankWriter(const std::string& name, Workspace workspace)
      : builder_(name), workspace_(std::move(workspace)) {}

  ValueId add_value(ValueSpec spec, TensorType type);
  ValueId add_source(ValueSpec spec, TensorType type, Source source, RankSource origin);
  /// Inputs, outputs and updates are those of the kernel. In place: (output, input) pairs; those
  /// whose input is a source or none of the op's are left out.
  OpId add_op(OpSpec spec, Kernel kernel, const std::vector<InPlace>& in_place);
  void run(OpId op, const std::optional<StageAction>& action);

  void add_result(ValueId v) { builder_.result(names_[v]); }
  void add_loss(ValueId v, double weight);
  void add_trained(TrainedParameter trained) { trained_.push_back(std::move(trained)); }

  [[nodiscard]] const std::string& name(ValueId v) const { return names_[v]; }
  [[nodiscard]] const TensorType& type(ValueId v) const { return types_[v]; }

  [[nodiscard]] RankModel finish() &&;

 private:
  TrainingGraphBuilder builder_;
  Workspace workspace_;
  IdVector<ValueId, std::string> names_;
  IdVector<ValueId, TensorType> types_;
  IdVector<ValueId, char> is_source_;
  IdVector<OpId, Kernel> kernels_;
  std::vector<Source> sources_;
  std::vector<TrainedParameter> trained_;
  std::vector<WeightedLoss> losses_;
  std::vector<RankSource> origins_;
  Runs runs_;
  std::vector<std::optional<StageAction>> actions_;
};

}  // namespace rockmate
