// Piper's profiled workloads as stage costs, in Piper's own terms: data and tensor parallelism off,
// messages are part of a stage's time, memory is A * micro-batches in flight + B, each layer with
// or without recomputation (Tarnawski et al., "Piper: Multidimensional Planner for DNN
// Parallelization", 2021).
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "pipeline/stage_costs.h"

namespace rockmate::testing {

/// Reads a workload; its nodes in topological order are the blocks. Links are as fast as the file
/// says, or as is said here.
[[nodiscard]] std::unique_ptr<StageCosts> read_piper(
    const std::filesystem::path& file, std::optional<double> bytes_per_second = std::nullopt);

}  // namespace rockmate::testing
