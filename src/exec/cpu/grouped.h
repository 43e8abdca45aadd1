// What grouped convolutions of channels-last images and their weight gradients share.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "exec/cpu/grouped_planes.h"
#include "exec/cpu/kernel.h"

namespace rockmate::cpu {

/// A float32 image with its channels last.
[[nodiscard]] bool is_grouped_image(const TensorType& type);
/// Of a convolution by the attributes of an op; of its transpose, if it is not plain.
[[nodiscard]] std::optional<GroupedPlanes> grouped_planes(const Attributes& attributes,
                                                          const TensorType& source,
                                                          const TensorType& result,
                                                          const Shape& window, bool is_plain);

/// Positions of the window that results of these classes meet; neighbours stand together.
[[nodiscard]] std::vector<GroupTaps> grouped_taps(const GroupedPlanes& planes,
                                                  const SourceAxis::Class& rows,
                                                  const SourceAxis::Class& columns,
                                                  std::int64_t window_columns);

/// Tiles are dealt to workers, each with memory of its own. How many there are follows from the
/// shapes alone.
inline constexpr std::int64_t kMostGroupWorkers = 8;

}  // namespace rockmate::cpu
