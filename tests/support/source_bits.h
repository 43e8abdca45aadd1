// What kernels are given and how near their results are to an oracle's, as bits.
#pragma once

#include <map>

#include "rockmate/training_model.h"
#include "support/kernel_rig.h"

namespace rockmate::testing {

/// Of all sources, as the model says that they begin.
[[nodiscard]] std::map<ValueId, Bits> source_bits(const TrainingModel& model);

/// Whole numbers are equal; the others within `relative` of the largest one, or of `least` where
/// all are smaller.
void expect_near(const Bits& found, const Bits& expected, const TensorType& type, double least,
                 double relative = 4e-6);

}  // namespace rockmate::testing
