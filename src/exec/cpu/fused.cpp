// Fused kernels that the cpu engine does not run part by part.

#include "exec/cpu/families.h"
#include "exec/cpu/tiles.h"
#include "graph/fusion/clamped_norm.h"

namespace rockmate::cpu {
namespace {

std::optional<Prepared> make_tiles(const KernelView& kernel, int) {
  auto program = TileProgram::of(kernel);
  if (!program) return std::nullopt;
  const Bytes workspace = program->workspace();
  return Prepared{[program = *std::move(program)](const Run& run) { program.run(run); }, workspace};
}

// On float32 images whose channels lie in rows.
bool is_ours(const KernelView& kernel, const ClampedNorm& found) {
  const TensorType& x = kernel.inputs[found.x];
  const bool has_rows =
      x.format == MemoryFormat::kChannelsLast || extent(x.shape, 2, x.shape.size()) == 1;
  return has_rows && is_float32(kernel) && kernel.inputs[found.dy] == x;
}

std::optional<Prepared> make_clamped_norm_gradient(const KernelView& kernel, int) {
  const auto found = clamped_norm(kernel.attributes.parts());
  if (!found || !is_ours(kernel, *found)) return std::nullopt;
  const Shape& image = kernel.inputs[found->x].shape;
  const BatchNormShape shape{image[0] * extent(image, 2, image.size()), image[1],
                             found->norm->attributes.real("epsilon")};
  const Clamp clamp{static_cast<float>(found->low), static_cast<float>(found->high)};
  const auto body = [found = *found, shape, clamp](const Run& run) {
    const auto in = [&](const std::optional<std::size_t>& i) {
      return i ? run.in<float>(*i) : nullptr;
    };
    const auto out = [&](std::size_t which) {
      return found.outputs[which] ? run.out<float>(*found.outputs[which]) : nullptr;
    };
    BatchNormBackward tensors;
    tensors.dy = run.in<float>(found.dy);
    tensors.x = run.in<float>(found.x);
    tensors.mean = run.in<float>(found.mean);
    tensors.variance = run.in<float>(found.variance);
    tensors.scale = in(found.scale);
    tensors.bias = in(found.bias);
    tensors.dx = out(0);
    tensors.dscale = out(1);
    tensors.dbias = out(2);
    batch_norm_gradient(shape, tensors, clamp, run.threads(), run.workspace());
  };
  return Prepared{body, batch_norm_workspace(shape)};
}

}  // namespace

void add_fused_kernels(Makers& makers) {
  add(makers, {OpKind::kFused}, make_clamped_norm_gradient);
  add(makers, {OpKind::kFused}, make_tiles);
}

}  // namespace rockmate::cpu
