// Costs that are measured before anything is planned with them, under Ctrl-C and with progress on a
// terminal.
#pragma once

#include <filesystem>
#include <string>

#include "rockmate/profile.h"

namespace rockmate::cli {

struct MeasureFlags {
  std::string engine;
  int threads = 0;
  std::filesystem::path cache = {};  ///< empty: none
  bool again = false;
};

/// Measures the distinct ops that the cache does not know. After Ctrl-C `Profile::missing` tells
/// how many are left. Throws InvalidInput as `profile` does.
[[nodiscard]] Profile measure(const TrainingModel& model, const MeasureFlags& flags);

/// The same for who cannot go on without all of them: throws InvalidInput after Ctrl-C.
[[nodiscard]] CostModel measure_costs(const TrainingModel& model, const MeasureFlags& flags);

}  // namespace rockmate::cli
