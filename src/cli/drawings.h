// The pictures that a verb can write: each goes to a file, whole or not at all.
#pragma once

#include <filesystem>
#include <vector>

#include "rockmate/plan.h"

namespace rockmate::cli {

/// Live bytes over the time of the plan, the plain iteration's as an outline. Throws InvalidInput
/// when the file cannot be written.
void write_timeline(const TrainingGraph& graph, const Plan& plan,
                    const std::filesystem::path& file);

/// Overhead against budget, and below it what no plan can reach. `curve` as `plan_curve` returns
/// it. Throws InvalidInput when the file cannot be written.
void write_curve(const TrainingGraph& graph, const std::vector<Plan>& curve,
                 const std::filesystem::path& file);

}  // namespace rockmate::cli
