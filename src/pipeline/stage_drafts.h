// Partitions that are worth building in earnest, for each family of schedules, by an estimate.
#pragma once

#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "pipeline/coplan.h"
#include "pipeline/partition.h"

namespace rockmate {

/// A family with its number of stages, and what follows from that.
struct PipelineShape {
  PipelineFamily family = PipelineFamily::kGPipe;
  std::size_t ranks = 0, stages = 0;
  std::vector<PipelineRow> rows;
  std::vector<std::size_t> in_flight;  ///< by stage
};

struct PipelineDraft {
  std::shared_ptr<const PipelineShape> shape;
  Partition partition;
};

class Drafter {
 public:
  /// All must outlive it.
  Drafter(const CostsOfDevices& costs, std::size_t micro_batches, const Cluster& cluster,
          const CoplanOptions& options);

  /// Best first.
  [[nodiscard]] std::vector<PipelineDraft> of(PipelineFamily family);
  /// What a stage in its place may use.
  [[nodiscard]] StageQuery query(const PipelineShape& shape, std::size_t stage,
                                 const PlacedStage& placed) const;
  /// By device: equal numbers may stand in for each other.
  [[nodiscard]] const std::vector<std::size_t>& kinds() const { return kinds_; }

 private:
  using Shape = std::shared_ptr<const PipelineShape>;

  void find_kinds();
  void find_orders();
  [[nodiscard]] Shape shape(PipelineFamily family, std::size_t ranks, std::size_t chunks);
  void append(PipelineFamily family, std::size_t least, std::size_t most,
              std::vector<PipelineDraft>& drafts);
  void append_interleaved(std::size_t chunks, std::vector<PipelineDraft>& drafts);
  [[nodiscard]] PartitionProblem problem(const PipelineShape& shape,
                                         const std::vector<std::size_t>& order);
  [[nodiscard]] Bytes buffers(StageRange range) const;
  [[nodiscard]] std::optional<Seconds> estimate(const PipelineShape& shape, std::size_t stage,
                                                const PlacedStage& placed);
  [[nodiscard]] Seconds transfer(std::size_t s) const;

  const CostsOfDevices& by_device_;
  const StageCosts& costs_;  // of any: for what is the same on all
  std::size_t m_;
  const Cluster& cluster_;
  const CoplanOptions& options_;
  std::vector<std::size_t> kinds_;
  std::vector<std::vector<std::size_t>> orders_;  // of devices; none: any
  std::map<std::tuple<PipelineFamily, std::size_t, std::size_t>, Shape> shapes_;
};

}  // namespace rockmate
