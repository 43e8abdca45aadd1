// Runs a fused kernel part by part, each by an engine's own kernel for it. What parts hand to each
// other lies in the kernel's outputs and in its workspace, as FusedLayout says; behind it in the
// workspace is room for the part that needs most. Of a sliced kernel, all of it is for one slice
// after the other.
#pragma once

#include <memory>

#include "exec/engine.h"
#include "graph/op_table.h"

namespace rockmate {

/// Both throw what the engine throws for a part. `spec` is of kind kFused; it may die, with its
/// kernel, before what is returned. Where `spec` is another form of a kernel, `promised` are the
/// pairs in which outputs of that may lie on inputs.
[[nodiscard]] Bytes parts_workspace(const KernelSpec& spec, const Engine& engine,
                                    const std::vector<MayOverwrite>& promised = {});
[[nodiscard]] std::unique_ptr<PreparedKernel> prepare_parts(
    const KernelSpec& spec, const Engine& engine, const std::vector<MayOverwrite>& promised = {});

/// What the engine would pack of the operands of parts; those that one part alone reads.
[[nodiscard]] std::vector<Packing> parts_packings(const KernelSpec& spec, const Engine& engine);
/// For the part that reads the operand.
[[nodiscard]] Packer parts_packer(const KernelSpec& spec, std::size_t operand,
                                  const Engine& engine);

/// The types, where they lie.
[[nodiscard]] std::vector<const TensorType*> pointers(const std::vector<TensorType>& types);

/// The pairs that the training graph has for a kernel: what other forms of it have to keep.
[[nodiscard]] std::vector<MayOverwrite> promised_places(const KernelSpec& spec);

}  // namespace rockmate
