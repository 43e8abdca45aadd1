// Kernels of the cpu engine, one by one, against the interpreter.
#pragma once

#include <functional>
#include <string>

#include "rockmate/training_model.h"

namespace rockmate::testing {

/// Runs the iteration in the interpreter, and each kernel of which `is_tested(parts)` (parts_of in
/// support/fused_examples.h) on the cpu engine, too: its outputs are within `relative` of the
/// interpreter's, have the same bits on any number of threads and in place, and nothing else is
/// written. Returns how many there are.
int check_kernels(const TrainingModel& model,
                  const std::function<bool(const std::string& parts)>& is_tested, double relative);

}  // namespace rockmate::testing
