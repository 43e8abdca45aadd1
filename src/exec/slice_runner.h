// Runs a sliced kernel (graph/sliced_parts.h) slice by slice: the parts of a slice by an engine's
// own kernels, which are prepared once, in one workspace for all slices.
#pragma once

#include <memory>

#include "exec/engine.h"
#include "graph/sliced_parts.h"

namespace rockmate {

/// One slice of a sliced kernel, as a kernel.
class SliceKernel {
 public:
  explicit SliceKernel(const KernelSpec& sliced);
  SliceKernel(const SliceKernel&) = delete;
  SliceKernel& operator=(const SliceKernel&) = delete;

  [[nodiscard]] const BatchSlice& slice() const { return slice_; }
  /// As long as this lives.
  [[nodiscard]] const KernelSpec& spec() const { return spec_; }

 private:
  BatchSlice slice_;
  Kernel kernel_;
  KernelSpec spec_;
};

/// Throws what the engine throws for a part. `spec` may die, with its kernel, before what is
/// returned.
[[nodiscard]] std::unique_ptr<PreparedKernel> prepare_slices(const KernelSpec& spec,
                                                             const Engine& engine);

}  // namespace rockmate
