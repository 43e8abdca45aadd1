// Cuts, devices, schedule and strategies of a pipeline, chosen together and judged by the
// simulator.
#pragma once

#include "pipeline/stage_costs.h"
#include "rockmate/pipeline.h"

namespace rockmate {

struct CoplanOptions {
  std::vector<PipelineFamily> families;
  bool uses_all_devices = false;  ///< else some may stay idle where that is faster
  bool tries_smaller = true;      ///< memories: as a search with more may end at a slower pipeline
};

/// By device of a cluster; of the same blocks. Devices that may share costs point to the same.
using CostsOfDevices = std::vector<StageCosts*>;

/// The best pipeline found for `micro_batches` micro-batches, without a bound; nullopt: none that
/// fits was found.
[[nodiscard]] std::optional<PipelinePlan> coplan(const CostsOfDevices& costs,
                                                 std::size_t micro_batches, const Cluster& cluster,
                                                 const CoplanOptions& options);
/// The same costs on all devices, but for their speed.
[[nodiscard]] std::optional<PipelinePlan> coplan(StageCosts& costs, std::size_t micro_batches,
                                                 const Cluster& cluster,
                                                 const CoplanOptions& options);

/// A time that no schedule of the families goes below, whatever the cuts, with the strategies of
/// `costs`.
[[nodiscard]] Seconds makespan_bound(const CostsOfDevices& costs, std::size_t micro_batches,
                                     const Cluster& cluster,
                                     const std::vector<PipelineFamily>& families);

}  // namespace rockmate
