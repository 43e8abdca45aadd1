// Pipelines for tests, and a second simulator that shares nothing with the first but the rows.
#pragma once

#include <cstdint>
#include <vector>

#include "rockmate/pipeline.h"

namespace rockmate::testing {

/// Equal devices of the usual speed, with links of 1 GB/s.
[[nodiscard]] Cluster cluster_of(std::size_t devices, Bytes memory);

/// What one micro-batch costs on a whole stage.
struct UnitStage {
  double forward = 1, input_gradient = 1, weight_gradient = 1;
  std::int64_t activations = 1;
};

/// The family on `ranks` devices without limits, `chunks` stages on each: a stage takes 1 / chunks
/// of the seconds and bytes of `unit`; messages are empty.
[[nodiscard]] Pipeline unit_pipeline(PipelineFamily family, std::size_t ranks, std::size_t chunks,
                                     std::size_t micro_batches, const UnitStage& unit = {});

/// Unequal devices, links, stages and strategies, a family at random; sizes are small.
[[nodiscard]] Pipeline random_pipeline(std::uint64_t seed);

/// When each action of each rank ends (updates left out), by relaxing every edge of the joint graph
/// until nothing changes: the longest path. The rows must have their communication. Slow.
[[nodiscard]] std::vector<std::vector<double>> naive_ends(const Pipeline& pipeline);

/// The most bytes on each rank, from the ends alone: every lifetime is an interval, and every
/// moment at which one begins is looked at. All actions and messages must take time.
[[nodiscard]] std::vector<std::int64_t> naive_peaks(const Pipeline& pipeline);

}  // namespace rockmate::testing
