// Which inputs of a model hold numbers of rows or classes, and how many there are to choose from.
#pragma once

#include "rockmate/training_model.h"

namespace rockmate {

/// Fills in `Source::indices` of the data and targets. Targets of a binary cross-entropy are labels
/// among two. Only ops that move elements about are followed. Linear in the number of kernels.
void note_index_ranges(TrainingModel& model);

}  // namespace rockmate
