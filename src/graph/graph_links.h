// The second half of `TrainingGraphBuilder::build`: what makes and reads which value, and whether
// the ops can run in the order in which they stand.
#pragma once

#include <vector>

#include "rockmate/training_graph.h"

namespace rockmate {

/// Fills in `Value::producer`, `contributors`, `is_source` and `readers`, and `Op::needs`. Throws
/// InvalidInput where a value is made twice or never, or read before it is made.
void link_graph(IdVector<ValueId, Value>& values, std::vector<Op>& ops);

}  // namespace rockmate
