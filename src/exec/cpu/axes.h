// A channels-last image of shape [N, C, H, W] lies as rows of shape [N, H, W, C] do. So an op that
// moves, sums or combines elements along axes is, on such images, the same op on rows with its axes
// renamed, and needs no kernel of its own.
#pragma once

#include <optional>
#include <vector>

#include "rockmate/training_model.h"

namespace rockmate::cpu {

/// A kernel with its attributes and types renamed. `spec` refers to `kernel`.
struct RenamedKernel {
  Kernel kernel;
  std::vector<TensorType> inputs, outputs;
  [[nodiscard]] KernelSpec spec(std::string_view op) const { return {op, kernel, inputs, outputs}; }
};

/// None: no tensor is channels-last, the kind has other axes than these, or a tensor beside the
/// images lies in an order that rows do not have.
[[nodiscard]] std::optional<RenamedKernel> in_rows(const KernelSpec& spec);

}  // namespace rockmate::cpu
