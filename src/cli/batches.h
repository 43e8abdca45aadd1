// How the data of a model fall into samples.
#pragma once

#include <cstdint>
#include <string>

#include "rockmate/training_model.h"

namespace rockmate::cli {

/// Samples per step: the least first axis of the data. An input with a larger one has several rows
/// per sample.
[[nodiscard]] std::int64_t batch_of(const TrainingModel& model);

/// One sample of an input whose type is that of a batch. Throws InvalidInput where it is none.
[[nodiscard]] TensorType sample_of(const std::string& input, const TensorType& type,
                                   std::int64_t batch);

}  // namespace rockmate::cli
