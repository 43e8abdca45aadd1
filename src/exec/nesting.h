// Parts that stand side by side within a larger fused kernel become one part, itself fused.
#pragma once

#include <memory>

#include "rockmate/graph.h"

namespace rockmate {

/// The same parts with runs of two and more point-wise ones nested, so that they can run in tiles:
/// "linear dropout add" is "linear [dropout add]". Parts that are all one run stay as they are.
[[nodiscard]] std::shared_ptr<const FusedParts> nest_point_runs(const FusedParts& parts);

/// The same parts with all but the last, two and more, nested: "conv relu reduce_mean" is
/// "[conv relu] reduce_mean".
[[nodiscard]] std::shared_ptr<const FusedParts> nest_all_but_last(const FusedParts& parts);

/// The same parts with all but the first, two and more, nested: "concat conv relu" is
/// "concat [conv relu]".
[[nodiscard]] std::shared_ptr<const FusedParts> nest_all_but_first(const FusedParts& parts);

}  // namespace rockmate
