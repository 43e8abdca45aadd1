// The last resort of the cpu engine: a kernel of the reference engine on row-major copies, in the
// workspace, of what lies channels last.
#pragma once

#include <memory>

#include "exec/engine.h"

namespace rockmate::cpu {

/// Whether any operand lies otherwise than row-major.
[[nodiscard]] bool needs_row_major(const KernelSpec& spec);

/// `engine` runs the row-major kernel. Both throw what it throws.
[[nodiscard]] Bytes row_major_workspace(const KernelSpec& spec, const Engine& engine);
[[nodiscard]] std::unique_ptr<PreparedKernel> prepare_row_major(const KernelSpec& spec,
                                                                const Engine& engine, int threads);

}  // namespace rockmate::cpu
